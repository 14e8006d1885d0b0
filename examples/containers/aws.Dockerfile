# syntax=docker/dockerfile:1

# Builds a program that works on a stack on AWS: in its Cargo.toml, Celeriac has `default-features = false` and the features
# "aws-client" and "cli". Without SQLite, it needs a C compiler for zstd alone, which the image has.
FROM rust:1.95-slim-bookworm AS build
ARG PROGRAM=shop
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin "$PROGRAM" && \
    cp "target/release/$PROGRAM" /program

# Runs it: no shell, no package manager, the user 65532. Nothing is written, so its file system may be read-only.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /program /program
STOPSIGNAL SIGTERM
ENTRYPOINT ["/program"]
CMD ["worker"]
# For `docker run`. ECS and Kubernetes have checks of their own, and do not look at this one.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/program", "health"]
