//! The pages of the book, whose code is compiled as tests.

#[doc = include_str!("../README.md")]
struct Readme;

#[doc = include_str!("../docs/getting-started.md")]
struct GettingStarted;

#[doc = include_str!("../docs/security.md")]
struct Security;

#[doc = include_str!("../docs/options.md")]
struct Options;

#[doc = include_str!("../docs/coming-from-celery.md")]
struct ComingFromCelery;

#[doc = include_str!("../docs/testing.md")]
struct Testing;
