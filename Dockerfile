# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/agala
WORKDIR /src
RUN pip install --no-cache-dir "uv>=0.9"
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project
COPY app ./app
RUN uv sync --frozen --no-dev --no-editable && find /opt/agala -type d -name tests -prune -exec rm -r {} +

FROM python:3.11-slim
RUN groupadd --gid 10001 agala \
    && useradd --uid 10001 --gid agala --no-log-init --home-dir /data --no-create-home --shell /usr/sbin/nologin agala \
    && install -d -o agala -g agala -m 700 /data
COPY --from=build /opt/agala /opt/agala
# SHOP_PORT isn't set: 8000 is the default, and platforms that say where to listen say so in PORT.
ENV PATH=/opt/agala/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SHOP_HOST=0.0.0.0 SHOP_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('SHOP_PORT') or os.environ.get('PORT') or 8000), timeout=4); c.request('GET', '/readyz'); exit(c.getresponse().status != 200)"]
CMD ["agala", "serve"]
