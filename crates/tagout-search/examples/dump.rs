//! scratch
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use tagout_search::*;

struct Disk(HashMap<[u8; 32], Vec<f32>>);
impl EmbeddingCache for Disk {
    fn get(&mut self, k: &[u8; 32]) -> Option<Vec<f32>> { self.0.get(k).cloned() }
    fn put(&mut self, k: [u8; 32], v: &[f32]) { self.0.insert(k, v.to_vec()); }
}
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../evals/retrieval/");
    let read = |name: &str| std::fs::read_to_string(format!("{directory}{name}.jsonl"));
    let embedder = Embedder::bundled()?;
    let mut cache = Disk(HashMap::new());
    if let Ok(b) = std::fs::read("/tmp/s2cache") {
        for c in b.chunks(32 + 384 * 4) {
            let k: [u8; 32] = c[..32].try_into()?;
            cache.0.insert(k, c[32..].chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect());
        }
    }
    let mut out = std::io::BufWriter::new(std::fs::File::create("/tmp/s2dump.jsonl")?);
    let mut vec = std::io::BufWriter::new(std::fs::File::create("/tmp/s2vec.jsonl")?);
    for t in std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/cohort/faults.txt"))?.lines() { let v = embedder.embed_cached(&[t], &mut cache).remove(0); writeln!(vec, "{}", serde_json::json!({"cohort": t, "v": [v]}))?; }
    for (dom, corpus, files) in [("A", "corpus", &["queries", "queries_twin", "no_runbook_near", "no_runbook_far"][..]), ("B", "bundled_corpus", &["bundled_queries"][..])] {
        let corpus = parse_corpus(corpus, &read(corpus)?)?;
        let index = Index::build(corpus.iter().map(Document::from).collect(), &embedder, &mut cache)?;
        for (id, v) in index.debug_docs() { writeln!(vec, "{}", serde_json::json!({"dom": dom, "doc": id, "v": v}))?; }
        for file in files {
            for (n, row) in parse_queries(file, &read(file)?)?.iter().enumerate() {
                let set = if dom == "B" { if n < 150 { "with" } else if n < 200 { "far" } else { "near" } } else { match *file { "queries" => "own", "queries_twin" => "twin", "no_runbook_near" => "near", _ => "far" } };
                for (m, mode) in [("text", Mode::Text), ("prose", Mode::Prose)] { writeln!(vec, "{}", serde_json::json!({"dom": dom, "q": row.id, "mode": m, "v": index.debug_query(&embedder, &Query::from(row), mode, &mut cache)}))?; }
                let mut lists = vec![("in", None)];
                if row.expected.is_some() { lists.push(("out", Some(index.without(&embedder, row.expected.ids())?))); }
                for (kind, other) in &lists {
                    let ix = other.as_ref().unwrap_or(&index);
                    for (m, mode, keys, addr) in [("fullkeys", Mode::Full, true, true), ("full", Mode::Full, false, false), ("text", Mode::Text, false, true), ("prose", Mode::Prose, false, true)] {
                        let mut q = Query::from(row);
                        if !addr { q.runbook_url = None; }
                        let f = ix.search_cached(&embedder, &q, &SearchOptions { mode, keys, limit: 200 }, &mut cache);
                        let c: Vec<_> = f.candidates.iter().map(|c| serde_json::json!({"id": c.id, "f": c.features, "key": c.key.is_some(), "right": row.expected.holds(&c.id)})).collect();
                        let mut r = BTreeMap::new();
                        r.insert("dom", serde_json::json!(dom)); r.insert("set", set.into()); r.insert("id", row.id.clone().into());
                        r.insert("kind", (*kind).into()); r.insert("mode", m.into()); r.insert("c", c.into());
                        r.insert("group", row.expected.ids().first().unwrap_or(&row.alertname).clone().into());
                        r.insert("n", ix.len().into());
                        writeln!(out, "{}", serde_json::to_string(&r)?)?;
                    }
                }
            }
        }
    }
    let mut b = Vec::new();
    for (k, v) in &cache.0 { b.extend_from_slice(k); for x in v { b.extend_from_slice(&x.to_le_bytes()); } }
    std::fs::write("/tmp/s2cache", b)?;
    Ok(())
}
