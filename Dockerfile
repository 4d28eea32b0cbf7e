# Two stages: the first installs into a virtual environment, the second takes only that.
# Fix it to the very bytes with --build-arg PYTHON=3.11-slim-trixie@sha256:...
ARG PYTHON=3.11-slim-trixie

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# The dependencies first, each checked against its hash: they change more rarely than the code. Those for traces
# are 5 MB, and are not even imported where nobody asks for them.
COPY requirements/build.txt requirements/traces.txt requirements/
RUN python -m venv /opt/boxoffice \
    && /opt/boxoffice/bin/pip install --require-hashes -r requirements/traces.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/boxoffice/bin/pip install --no-deps dist/*.whl \
    && /opt/boxoffice/bin/pip uninstall --yes pip setuptools

FROM python:${PYTHON} AS runtime
# Nothing is installed here any more. Kubernetes believes only a number that it is not root's.
RUN pip uninstall --yes setuptools wheel pip \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/boxoffice boxoffice \
    && install --directory --owner boxoffice --group boxoffice --mode 0700 /var/lib/boxoffice
COPY --from=build /opt/boxoffice /opt/boxoffice
ENV PATH=/opt/boxoffice/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BOXOFFICE_DATA_FOLDER=/var/lib/boxoffice
USER 10001:10001
WORKDIR /var/lib/boxoffice
# Images, unless BOXOFFICE_FILES_URL names a bucket; without DATABASE_URL also a PostgreSQL of its own.
VOLUME /var/lib/boxoffice
EXPOSE 8000
# Asks for what an orchestrator wants to know: does PostgreSQL answer, with the right schema?
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "boxoffice.kit.probe"]
CMD ["boxoffice", "serve", "--host", "0.0.0.0"]
