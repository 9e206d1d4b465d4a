//! A body for each of the shipped mappings.

use std::sync::LazyLock;

use tagout::signals::Mapping;

static SHIPPED: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let texts = Mapping::shipped_names().filter_map(Mapping::shipped);
    texts.map(|text| Mapping::parse(text).expect("a shipped mapping parses")).collect()
});

pub fn fuzz(body: &[u8]) {
    for mapping in SHIPPED.iter() {
        crate::rules::is_within_limits(mapping.read(body));
    }
}
