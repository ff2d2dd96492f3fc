# The service as an image: built in one stage, run in another without tools, as a user of its own.
#
#     docker build -t symbia-runtime .
#     docker run --rm -p 5006:5006 -e AUTH=none symbia-runtime
#
# docs/platform.md puts it into the platform's composition. tests/deploy/test_image.py runs these steps where no
# builder is there.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS builder
WORKDIR /source
# What the wheel is made of; the guest is compiled while it is made (hatch_build.py).
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE ./
COPY symbia_runtime ./symbia_runtime
COPY proto ./proto
COPY workers ./workers
COPY store ./store
COPY wasm_host ./wasm_host
COPY engine ./engine
COPY service ./service
RUN python -m venv /opt/symbia
RUN /opt/symbia/bin/pip install --no-cache-dir --constraint constraints.txt ".[otel]"

FROM python:${PYTHON}
# The platform's composition asks for health with wget, whatever an image says itself.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends wget \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10006 --no-create-home --home-dir /app symbia \
    && install --directory --owner symbia --mode 700 /app /app/cache /app/data
COPY --from=builder /opt/symbia /opt/symbia
WORKDIR /app
ENV PATH=/opt/symbia/bin:$PATH
# A container is reached from outside; the composition names no address.
ENV HOST=0.0.0.0
# Compiled sandbox code; a volume here spares the next container the compiling.
ENV CACHE_FOLDER=/app/cache
# Graphs and the ends of executions; a volume here lets them outlive the container.
ENV DATA_DIR=/app/data
USER symbia
EXPOSE 5006
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s --retries=3 \
    CMD wget --no-verbose --tries=1 --spider "http://127.0.0.1:${RUNTIME_PORT:-${PORT:-5006}}/health/live" || exit 1
CMD ["symbia-runtime", "serve"]
