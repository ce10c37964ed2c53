"""configs/*.toml -> frozen settings: what overrides what, and how a wrong key is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetpipe.config import Config, load_config, shipped_configs
from assetpipe.errors import ConfigError, MissingFile, UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", shipped_configs())
def test_every_shipped_config_is_valid(name: str) -> None:
    """Whatever category a team picks, its settings load and keep the levels in order."""
    config = load_config(category=None if name == "default" else name)
    sizes = [level.screen_px for _, level in config.fine_to_coarse]
    assert sizes == sorted(sizes, reverse=True)
    assert config.category == ("general" if name == "default" else name)


def test_a_config_file_overrides_the_category_key_by_key(tmp_path: Path) -> None:
    """default < category < --config, and a key that nobody mentions keeps the default's value."""
    shoe = load_config(write(tmp_path, "[levels.standard]\nmax_bytes = 2_000_000\n"), category="fashion")
    assert shoe.levels["standard"].max_bytes == 2_000_000
    assert shoe.levels["standard"].max_triangles == load_config(category="fashion").levels["standard"].max_triangles
    assert shoe.levels["standard"].screen_px == load_config().levels["standard"].screen_px


def test_a_config_file_may_name_its_category(tmp_path: Path) -> None:
    """`category = "fashion"` inside a file brings fashion's settings, as --category does."""
    assert load_config(write(tmp_path, 'category = "fashion"\n')) == load_config(category="fashion")


def test_a_category_of_ones_own_takes_the_defaults() -> None:
    """A shop may have categories that we ship no settings for."""
    garden = load_config(category="garden")
    assert garden.category == "garden"
    assert garden.levels == load_config().levels


def test_a_level_of_ones_own_is_added(tmp_path: Path) -> None:
    """Levels are not limited to the three that ship."""
    text = "[levels.thumb]\nscreen_px = 96\nmax_triangles = 1000\ntexture_px = 128\nmax_bytes = 40_000\n"
    names = [name for name, _ in load_config(write(tmp_path, text)).fine_to_coarse]
    assert names == ["high", "standard", "preview", "thumb"]


@pytest.mark.parametrize(
    ("text", "said", "hinted"),
    [
        (
            "[levels.preview]\nmax_trianges = 5\n",
            "unknown key levels.preview.max_trianges",
            "did you mean max_triangles?",
        ),
        ("[texturs]\nformat = 'png'\n", "unknown key texturs", "did you mean textures?"),
        ("[textures]\nformat = 'gif'\n", "textures.format = 'gif'", "default.toml"),
        ("[textures]\ncolour_quality = 101\n", "textures.colour_quality = 101", "default.toml"),
        ("[textures]\nbake_occlusion = 'yes'\n", "textures.bake_occlusion = 'yes'", "default.toml"),
        ("[textures]\ncolour_quality = '90'\n", "textures.colour_quality = '90'", "default.toml"),
        ("[levels.preview]\nmax_triangles = 900000\n", "levels.preview.max_triangles = 900000 is more than", "default"),
        (
            "[levels.poster]\nscreen_px = 9\nmax_triangles = 1\ntexture_px = 1\nmax_bytes = 1\n",
            "'poster' cannot name",
            "",
        ),
        ("[levels.tiny]\nscreen_px = 9\n", "levels.tiny.max_triangles is missing", "all its keys"),
        ("[levels\n", "not valid TOML", "toml"),
        ("[publish]\npart_mb = 4\n", "publish.part_mb = 4", "default.toml"),
        ("[publish]\ncatalog = 'mysql:x'\n", "publish.catalog = 'mysql:x'", "default.toml"),
        ("[publish]\nendpoint_url = 's3.shop'\n", "publish.endpoint_url = 's3.shop'", "default.toml"),
        ("[publish]\naccelerate = true\nendpoint_url = 'http://s3.shop'\n", "not for endpoint_url = 'http", "default"),
        ("category = 'No Good'\n", "'No Good' cannot be a category", "a-z"),
    ],
)
def test_a_wrong_key_is_refused_by_place_and_name(tmp_path: Path, text: str, said: str, hinted: str) -> None:
    """The message has the file and the key, the hint has what is allowed there."""
    path = write(tmp_path, text)
    with pytest.raises((ConfigError, UsageError)) as caught:
        load_config(path)
    assert said in caught.value.message
    assert hinted in caught.value.hint
    assert isinstance(caught.value, UsageError) or str(path) in caught.value.message


def test_a_missing_config_file_is_named(tmp_path: Path) -> None:
    """Exit code 66, and the shipped categories as the way out."""
    with pytest.raises(MissingFile, match=r"none\.toml: no such config file") as caught:
        load_config(tmp_path / "none.toml")
    assert "furniture" in caught.value.hint


def test_the_fingerprint_is_of_the_settings_not_of_the_file(tmp_path: Path) -> None:
    """Comments and order do not rebuild a catalogue; a changed value does."""
    one = load_config(write(tmp_path, "# a\n[textures]\nmin_px = 32\nformat = 'png'\n"))
    two = load_config(write(tmp_path, "[textures]\nformat = 'png' # b\nmin_px = 32\n"))
    three = load_config(write(tmp_path, "[textures]\nformat = 'png'\nmin_px = 16\n"))
    assert one.sha256 == two.sha256 != three.sha256


def test_where_bundles_go_does_not_rebuild_them(tmp_path: Path) -> None:
    """Another bucket, region or number of threads is the same bundle."""
    other = "[publish]\nregion = 'eu-central-1'\nthreads = 2\nkeep_days = 0\n"
    assert load_config(write(tmp_path, other)).sha256 == load_config().sha256


def test_a_password_in_a_refused_url_is_not_repeated(tmp_path: Path) -> None:
    """Error messages end up in logs."""
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, "[publish]\nendpoint_url = 'https://me:hunter2@s3.shop'\n"))
    assert "publish.endpoint_url" in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_settings_are_frozen() -> None:
    """A stage cannot change what the next one reads."""
    config = load_config()
    with pytest.raises(ValueError, match="frozen"):
        config.textures.format = "png"  # type: ignore[misc]
    assert isinstance(config, Config)


def test_what_is_no_text_or_no_file_is_said(tmp_path: Path) -> None:
    """A mark that editors on Windows begin files with is none of the settings; a wrong category is the file's fault."""
    marked = tmp_path / "marked.toml"
    marked.write_bytes(b'\xef\xbb\xbfcategory = "fashion"\r\n')
    assert load_config(marked).category == "fashion"
    (tmp_path / "utf16.toml").write_bytes("[levels]\n".encode("utf-16"))
    for file, fault in (
        (tmp_path / "utf16.toml", "is not UTF-8 text"),
        (tmp_path, "cannot be read: Is a directory"),
        (write(tmp_path, "category = '../x'\n"), "shop.toml: '../x' cannot be a category"),
    ):
        with pytest.raises(ConfigError, match=fault):
            load_config(file)
