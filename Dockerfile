# syntax=docker/dockerfile:1
# CPU:  docker build -t rapport .
# CUDA: docker build -t rapport:cuda --build-arg TORCH=cuda .
#       docker run --gpus all -e RAPPORT_ANALYSIS__DEVICE=cuda rapport:cuda
FROM python:3.13-slim-trixie AS build

# The build of PyTorch: cpu, or cuda, which brings several gigabytes.
ARG TORCH=cpu

RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml constraints.txt Makefile README.md LICENSE ./
COPY packaging packaging
COPY bot bot
COPY integrations integrations
COPY inference inference
COPY storage storage
COPY alembic alembic
RUN make install-wheel VENV=/opt/rapport TORCH="$TORCH"

FROM python:3.13-slim-trixie
COPY --from=build /opt/rapport /opt/rapport
# Not root; the data folder is a volume of its own.
RUN useradd --create-home --uid 10001 rapport && mkdir /data && chown rapport:rapport /data
USER rapport
WORKDIR /data
ENV PATH=/opt/rapport/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RAPPORT_DATA_DIR=/data \
    RAPPORT_HOST=0.0.0.0 \
    RAPPORT_PORT=8080
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
# SIGTERM ends the process within five seconds; a call in progress goes on at the next start.
STOPSIGNAL SIGTERM
CMD ["rapport", "serve"]
