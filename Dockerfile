# Turnpike, all roles in one container; docs/operations.md says how it is run.
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/turnpike \
 && /opt/turnpike/bin/pip install --no-cache-dir --require-hashes --requirement requirements/all.txt \
 && /opt/turnpike/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/turnpike/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM python:3.11-slim
COPY --from=build /opt/turnpike /opt/turnpike
RUN useradd --system --uid 10001 --user-group --no-create-home turnpike \
 && install --directory --owner turnpike --group turnpike --mode 700 /var/lib/turnpike \
 && install --directory /etc/turnpike
USER turnpike
ENV PATH=/opt/turnpike/bin:$PATH \
    TURNPIKE_HOME=/var/lib/turnpike \
    TURNPIKE_GATEWAY_LISTEN=0.0.0.0:8080
VOLUME /var/lib/turnpike
# turnpike.yaml is looked for here.
WORKDIR /etc/turnpike
EXPOSE 8080
# The supervisor is the first process: it takes SIGTERM and ends the roles in their order.
STOPSIGNAL SIGTERM
ENTRYPOINT ["turnpike"]
CMD ["up"]
