//! A message of Amazon SNS with a CloudWatch alarm in it.

pub fn fuzz(body: &[u8]) {
    crate::rules::reads_as(tagout::signals::Format::CloudWatch, body);
}
