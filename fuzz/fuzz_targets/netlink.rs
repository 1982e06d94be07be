#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nslab::fuzzing::run(env!("CARGO_BIN_NAME"), data));
