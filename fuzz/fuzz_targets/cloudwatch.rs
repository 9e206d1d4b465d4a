//! A message of Amazon SNS with a CloudWatch alarm in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    tagout_fuzz::reads_as(tagout::signals::Format::CloudWatch, body);
});
