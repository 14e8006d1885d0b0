#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| celeriac_fuzz::targets::rows::run(data));
