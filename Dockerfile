# Two stages: the first installs into a virtual environment, the second takes only that.
ARG PYTHON=3.11-slim

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# The dependencies first, each checked against its hash: they change more rarely than the code.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/boxoffice \
    && /opt/boxoffice/bin/pip install --require-hashes -r requirements/runtime.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/boxoffice/bin/pip install --no-deps dist/*.whl \
    && /opt/boxoffice/bin/pip uninstall --yes pip

FROM python:${PYTHON} AS runtime
RUN useradd --system --user-group --no-create-home --home-dir /var/lib/boxoffice boxoffice \
    && install --directory --owner boxoffice --group boxoffice --mode 0700 /var/lib/boxoffice
COPY --from=build /opt/boxoffice /opt/boxoffice
ENV PATH=/opt/boxoffice/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BOXOFFICE_DATA_FOLDER=/var/lib/boxoffice
USER boxoffice
WORKDIR /var/lib/boxoffice
# Images, unless BOXOFFICE_FILES_URL names a bucket; without DATABASE_URL also a PostgreSQL of its own.
VOLUME /var/lib/boxoffice
EXPOSE 8000
# Asks for what an orchestrator wants to know: does PostgreSQL answer, with the right schema?
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=3)"]
CMD ["boxoffice", "serve", "--host", "0.0.0.0"]
