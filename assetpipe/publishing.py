"""A store that is open for one run: what the commands publish, ingest and catalog do with it.

build ─ check ─ publish ─▶ ... ─▶ tell: caches hear of everything that moved, in one batch at the end
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from assetpipe.bundle import Bundle
from assetpipe.config import Publish
from assetpipe.delivery.caches import Caches
from assetpipe.delivery.catalog import Catalog
from assetpipe.delivery.cdn import Batch, Change
from assetpipe.delivery.dry_run import DryRunStore
from assetpipe.delivery.folder import FolderStore
from assetpipe.delivery.given import read_given, refuse_twins
from assetpipe.delivery.index import Index, write_index
from assetpipe.delivery.keys import Keys, index_key
from assetpipe.delivery.open_catalog import open_catalog
from assetpipe.delivery.open_store import open_store
from assetpipe.delivery.pointer import look
from assetpipe.delivery.publish import publish_asset, publish_bundles
from assetpipe.delivery.published import Published, announce, is_news, untold, with_index, with_one_index
from assetpipe.delivery.rehearsal import rehearse, to_look_at
from assetpipe.delivery.release import release_of
from assetpipe.delivery.replica import open_replica, warn_of_lag
from assetpipe.delivery.rounds import Rounds
from assetpipe.delivery.store import Store
from assetpipe.delivery.upkeep import rollback
from assetpipe.errors import AssetpipeError, MissingFile, ServiceUnavailable
from assetpipe.log import Event, Report, silent

if TYPE_CHECKING:
    from assetpipe.carve import Job
    from assetpipe.delivery.events import Event as ShopEvent

Given = TypeVar("Given")
Got = TypeVar("Got")
NO_CHECK = "what is published is checked before, and the checks (Khronos' validator, under node) cannot run here"


@dataclass
class Run:
    """One run over one store; remembers what it moved until caches were told."""

    store: Store
    catalog: Catalog
    settings: Publish
    dry_run: bool = False
    report: Report = silent
    name: str = ""
    """of the batch that it belongs to"""
    rounds: Rounds | None = None
    """Given, others publish too, here and elsewhere: index and caches are left to `share`."""
    _moved: list[Published] = field(default_factory=list)
    _said: list[ShopEvent] = field(default_factory=list)
    _behind: list[Published] = field(default_factory=list)
    """that the index does not have yet"""
    _touched: dict[str, float] = field(default_factory=dict)
    """category that `share` is to see to -> since when, by the monotonic clock"""
    _written: dict[str, float] = field(default_factory=dict)
    """category -> when we wrote its index, by the monotonic clock"""

    def publish(self, bundle: Bundle) -> Published:
        """The first of a category is in its index at once, those that follow closely come together."""
        published = publish_asset(bundle, self.store, self.catalog, self.settings, report=self._without_done)
        return self._noted(self._left(published) if self._is_soon(published.category) else self._indexed(published))

    def publish_all(self, folders: Sequence[Path]) -> list[Published | AssetpipeError]:
        """In the order of the folders; one that fails stops no other."""
        found = [_attempt(read_given, folder) for folder in folders]
        refuse_twins([one for one in found if isinstance(one, Bundle)])
        published = self._each([one for one in found if isinstance(one, Bundle)])
        return [next(published) if isinstance(one, Bundle) else one for one in found]

    def ingest(self, job: Job) -> Published:
        """A bundle that fails its check is not published. One that is current in the store was checked before."""
        from assetpipe.checking import check_built
        from assetpipe.node import node_ready
        from assetpipe.pipeline import build_asset

        if not node_ready():  # said before minutes of work, not after
            raise ServiceUnavailable("E_NODE_MISSING", NO_CHECK, hint="`assetpipe doctor --fix` installs what it needs")
        bundle = build_asset(job).bundle
        if not self._is_current(bundle):
            job.say("step", "checking", 0.97)
            check_built(bundle, job.config).raise_if_failed()
        return self.publish(bundle)

    def rollback(self, keys: Keys, revision: str | None, *, dry_run: bool) -> Published:
        done = rollback(self.store, self.catalog, keys, self.settings, revision=revision, dry_run=dry_run)
        self._moved.append(done)
        return done

    def recall(self, keys: Keys) -> None:
        """Of what was published before: whoever did it may have been stopped before anybody was told."""
        entry = self.catalog.get(keys.category, keys.asset)
        if entry and entry.announced < entry.sequence:
            self._left(Published(keys.asset, keys.category, entry.revision, changed=True, sequence=entry.sequence))

    def share(self, wait: Callable[[float], object] | None = None) -> None:
        """With others who publish: whoever's turn it is writes the index and tells the caches, for all. Without `wait`
        what it is too soon for stays for the next call."""
        assert self.rounds
        for category, since in sorted(self._touched.items()):
            if wait is None and time.monotonic() - since < self.rounds.every:
                continue  # more may come, and a short run then needs one round
            answer = self.rounds.join(category, wait)
            if answer == "ours":
                self._moved.clear()
                self._moved.extend(untold(category, self._index(category)))
                self.tell()
                self.rounds.finish(category)
            if answer != "later":
                self._touched.pop(category, None)

    def share_all(self, categories: Iterable[str], wait: Callable[[float], object]) -> None:
        """Whatever of these nobody has been told of, who published it being over or dead."""
        for category in categories:
            if any(entry.announced < entry.sequence for entry in self.catalog.listing(category)):
                self._touched.setdefault(category, time.monotonic())
        self.share(wait)

    def finish(self, categories: Iterable[str], wait: Callable[[float], object]) -> None:
        """A round of each of these, whatever is known of it."""
        self._touched.update((category, time.monotonic()) for category in categories)
        self.share(wait)

    def say(self, event: ShopEvent) -> None:
        """The shop hears of it when caches are told."""
        self._said.append(event)

    def tell(self, *, wait: bool = False) -> Batch | None:
        """Indexes get what is behind, caches and the shop hear of what this run moved, and the catalog notes that they
        did. None when nothing moved, or no cache is in front of the store. A dry run plans the batch only."""
        self._catch_up()
        self._follow(sorted({one.category for one in self._moved}))
        moved = [one for one in self._moved if one.mutable_keys]
        caches = Caches(self.store.url, self.settings)
        batch = caches.plan([Change(one.mark, one.mutable_keys) for one in moved]) if moved else None
        if batch and self.dry_run:
            self.report(Event("note", "caches", f"would be told to forget {', '.join(batch.paths)}"))
        elif batch:
            caches.tell(batch, self.report, wait=wait)
        unheard = self._tell_shop([one for one in moved if is_news(one)])
        announce(self.catalog, [one for one in moved if one not in unheard])
        self._moved.clear()
        self._said.clear()
        return batch

    def _tell_shop(self, moved: Sequence[Published]) -> Sequence[Published]:
        """Those that could not be told of: the next publish of the asset does."""
        target = self.settings.events
        if not target or not (moved or self._said):
            return ()
        if self.dry_run:
            self.report(Event("note", "events", f"{target} would be told {len(moved)} events"))
            return ()
        from assetpipe.delivery.messenger import connect
        from assetpipe.delivery.news import News

        news = News(self.store.url, self.name, moved, tuple(self._said))
        return news.tell(connect(target, self.settings), self.catalog, self.report)

    def _each(self, bundles: Sequence[Bundle]) -> Iterator[Published | AssetpipeError]:
        if len(bundles) == 1:  # then its files go in parallel
            yield _attempt(self.publish, bundles[0])
            return
        several = publish_bundles(bundles, self.store, self.catalog, self.settings, report=self._without_done)
        for one in several:
            yield self._noted(one) if isinstance(one, Published) else one

    def _noted(self, published: Published) -> Published:
        self._moved.append(published)
        self.report(Event("done", published.asset, _summary(published, dry_run=self.dry_run), 1.0))
        return published

    def _is_soon(self, category: str) -> bool:
        age = time.monotonic() - self._written.get(category, float("-inf"))
        return self.rounds is not None or age < self.settings.index_seconds

    def _left(self, published: Published) -> Published:
        if not self.rounds:
            self._behind.append(published)
        elif published.changed:
            self._touched.setdefault(published.category, time.monotonic())
        else:
            self.recall(Keys(published.category, published.asset))
        return published

    def _indexed(self, published: Published) -> Published:
        return with_index(published, self._index(published.category))

    def _index(self, category: str) -> Index:
        index = write_index(self.store, self.catalog, category, self.settings.index_entries)
        self._written[category] = time.monotonic()
        return index

    def _catch_up(self) -> None:
        """A category at a time. What fails is found by the next publish of its asset."""
        behind = list(self._behind)
        self._behind.clear()
        for category in sorted({one.category for one in behind}):
            self._moved.extend(
                with_one_index([one for one in behind if one.category == category], self._index(category))
            )

    def _follow(self, categories: Sequence[str]) -> None:
        """What the replica cannot take now it takes with the next run."""
        replica = None if self.dry_run else open_replica(self.store, self.settings)
        if replica and categories:
            warn_of_lag(replica, categories, self.report)

    def _without_done(self, event: Event) -> None:
        """Only here it is known whether anything really happened."""
        if event.kind != "done":
            self.report(event)

    def _is_current(self, bundle: Bundle) -> bool:
        release = release_of(bundle)
        pointer = look(self.store, release.keys).pointer
        return pointer is not None and pointer.revision == release.revision


@contextmanager
def open_run(
    url: str, settings: Publish, *, dry_run: bool = False, wait: bool = False, report: Report = silent
) -> Iterator[Run]:
    """To publish into a store, which need not be there yet."""
    store = open_store(url, settings)
    catalog = open_catalog(store, settings)
    _reach(store, catalog)
    open_replica(store, settings)  # a setting that means nothing is said before any work, too
    if dry_run:
        store, catalog = DryRunStore(store), rehearse(catalog, store)
    with _told(Run(store, catalog, settings, dry_run, report), wait=wait) as run:
        yield run


@contextmanager
def open_existing(
    url: str, settings: Publish, *, looking: bool = False, wait: bool = False, report: Report = silent
) -> Iterator[Run]:
    """To look at a store or to tend it: a folder that is not there is a typing error, not an empty store."""
    store = open_store(url, settings)
    if isinstance(store, FolderStore) and not store.root.is_dir():
        raise MissingFile(
            "E_NO_STORE", f"{url}: no such folder", hint="`assetpipe publish BUNDLE --to DIR` makes a store"
        )
    catalog = open_catalog(store, settings)
    catalog = to_look_at(catalog, store) if looking else catalog
    with _told(Run(store, catalog, settings, report=report), wait=wait) as run:
        yield run


@contextmanager
def _told(run: Run, *, wait: bool) -> Iterator[Run]:
    """Caches are told at the end, also when something failed. Who is stopped (Ctrl-C, a Spot notice) goes at once: the
    next run finds what nobody was told of."""
    try:
        yield run
    except Exception:
        run.tell()
        raise
    run.tell(wait=wait)


def _reach(store: Store, catalog: Catalog) -> None:
    """A bucket or a table that is not there, or may not be asked, is said before any work, not after."""
    if store.url.startswith("s3://"):
        store.read(index_key("general"))
        catalog.get("general", "index")


def _attempt(do: Callable[[Given], Got], given: Given) -> Got | AssetpipeError:
    try:
        return do(given)
    except AssetpipeError as error:
        return error


def _summary(published: Published, *, dry_run: bool) -> str:
    if not (published.changed or published.sent):
        return f"nothing to send, revision {published.revision} is what is published"
    would = "would be published" if dry_run else "published"
    sent = f"{published.sent} objects, {published.sent_bytes / 1000:,.0f} kB"
    return f"{would} as revision {published.revision}: {sent}{' to send' if dry_run else ' sent'}"
