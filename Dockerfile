# The answer service and nothing else: no cloud SDK, no compiler, user 65532; a read-only root will do, since it writes
# to /data and /tmp only. `make image` builds it; docs/how-to-build-and-push-the-image.md says how to publish it.
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /src
# With STORE=pgvector the image has that vector store's client too.
ARG STORE=
COPY requirements/build.txt requirements/app*.txt requirements/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /opt/ragspan \
 && /opt/build/bin/uv pip sync --no-cache --no-build --compile-bytecode --python /opt/ragspan/bin/python requirements/app${STORE:+-$STORE}.txt
COPY pyproject.toml README.md LICENSE ./
COPY ragspan ragspan
COPY app app
RUN /opt/build/bin/hatchling build --target wheel \
 && /opt/build/bin/uv pip install --no-cache --no-deps --compile-bytecode --python /opt/ragspan/bin/python dist/*.whl

FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
COPY --from=build /opt/ragspan /opt/ragspan
RUN install --directory --owner 65532 --group 65532 /data
ENV PATH=/opt/ragspan/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RAGSPAN_HOST=0.0.0.0
# The embedded store's folder is below the working directory by default; setting it here would clash with any other store.
WORKDIR /data
USER 65532:65532
VOLUME ["/data"]
EXPOSE 8000
ENTRYPOINT ["ragspan"]
CMD ["serve"]
