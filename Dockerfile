# The image that batch jobs run: CPU and GPU alike. Built with `docker build -t assetpipe .`; docs/aws-batch.md says how it
# is used. One machine may take the other's place: kernels and packages are for the baseline of x86-64.

# Warp's CUDA is 13 and wants a driver of release 580 or newer. For a build that can be repeated to the byte give the
# digest too: --build-arg BASE=nvidia/cuda:13.0.1-runtime-ubuntu24.04@sha256:...
ARG BASE=nvidia/cuda:13.0.1-runtime-ubuntu24.04

FROM ${BASE} AS build
ARG DEBIAN_FRONTEND=noninteractive
# g++ and Python's headers: the meshopt codec comes as source. npm: Khronos' validator and the KTX2 codec.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ nodejs npm python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Packages come before the code, so that an edit does not fetch them again.
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY configs configs
COPY assetpipe/__init__.py assetpipe/version.py assetpipe/
RUN python3 -m venv /opt/assetpipe \
    && /opt/assetpipe/bin/python -m pip install --no-cache-dir --disable-pip-version-check -c constraints.txt .
COPY assetpipe assetpipe
RUN /opt/assetpipe/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --force-reinstall .
ENV ASSETPIPE_CACHE=/opt/assetpipe/cache WARP_CACHE_PATH=/opt/assetpipe/kernels
RUN /opt/assetpipe/bin/python -c "from assetpipe.node import install_packages; install_packages()"
# No job waits for a compiler (a minute and a half on one core). 75: g4dn, 86: g5, 89: g6 and g6e, 90: p5.
RUN /opt/assetpipe/bin/python -m assetpipe.batch.warm 75 86 89 90

FROM ${BASE}
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates nodejs python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 assetpipe \
    && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin assetpipe
# Owned by who runs it: Warp takes a cache that it cannot write to for none, and would compile again.
COPY --from=build --chown=10001:10001 /opt/assetpipe /opt/assetpipe
ENV PATH=/opt/assetpipe/bin:$PATH \
    ASSETPIPE_CACHE=/opt/assetpipe/cache \
    WARP_CACHE_PATH=/opt/assetpipe/kernels \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /home/assetpipe
# No entry point: a job says its whole command, and may be `sh -c "assetpipe batch plan ... && assetpipe batch submit ..."`.
CMD ["assetpipe", "--help"]
