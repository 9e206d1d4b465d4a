//! A body for each of the shipped mappings.
#![no_main]

use std::sync::LazyLock;

use tagout::signals::Mapping;

static SHIPPED: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let texts = Mapping::shipped_names().filter_map(Mapping::shipped);
    texts.map(|text| Mapping::parse(text).expect("a shipped mapping parses")).collect()
});

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    for mapping in SHIPPED.iter() {
        tagout_fuzz::is_within_limits(mapping.read(body));
    }
});
