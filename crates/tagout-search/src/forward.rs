//! The forward pass of the encoder over a batch of token sequences.
//!
//! The sequences of a batch are laid end to end without padding, so the large products see one
//! tall matrix; only attention looks at each sequence apart. The result for a text does not
//! depend on what else is in its batch.

use ndarray::{Array2, ArrayView2, Axis, Slice, linalg::general_mat_mul};

use crate::weights::{Layer, Norm, QuantisedRows, Shape};

/// What the normalisation adds to the variance, as the model was trained.
const EPSILON: f32 = 1e-12;

const ROWS: Axis = Axis(0);
const COLUMNS: Axis = Axis(1);

/// The encoder's weights without the vocabulary.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) shape: Shape,
    pub(crate) words: QuantisedRows<'static>,
    pub(crate) positions: QuantisedRows<'static>,
    pub(crate) input_norm: Norm,
    pub(crate) layers: Vec<Layer>,
}

impl Encoder {
    /// One vector of length 1 per sequence: the mean over its tokens, normalised.
    pub(crate) fn embed(&self, sequences: &[&[u32]]) -> Vec<Vec<f32>> {
        let hidden = self.shape.hidden;
        let tokens = sequences.iter().map(|ids| ids.len()).sum();
        let mut x = self.input(sequences, tokens);
        let mut qkv = Array2::zeros((tokens, 3 * hidden));
        let mut context = Array2::zeros((tokens, hidden));
        let mut sum = Array2::zeros((tokens, hidden));
        let mut inner = Array2::zeros((tokens, self.shape.inner));
        for layer in &self.layers {
            general_mat_mul(1.0, &x, &layer.qkv, 0.0, &mut qkv);
            add_bias(&mut qkv, &layer.qkv_bias);
            self.attention(sequences, &qkv, &mut context);
            general_mat_mul(1.0, &context, &layer.attention_out, 0.0, &mut sum);
            add_bias(&mut sum, &layer.attention_out_bias);
            x += &sum;
            normalise(&mut x, &layer.attention_norm);
            general_mat_mul(1.0, &x, &layer.inner, 0.0, &mut inner);
            add_bias(&mut inner, &layer.inner_bias);
            inner.mapv_inplace(gelu);
            general_mat_mul(1.0, &inner, &layer.outer, 0.0, &mut sum);
            add_bias(&mut sum, &layer.outer_bias);
            x += &sum;
            normalise(&mut x, &layer.output_norm);
        }
        let mut start = 0;
        sequences
            .iter()
            .map(|ids| {
                let part = x.slice_axis(ROWS, Slice::from(start..start + ids.len()));
                start += ids.len();
                mean_of_length_one(&part)
            })
            .collect()
    }

    fn input(&self, sequences: &[&[u32]], tokens: usize) -> Array2<f32> {
        let mut x = Array2::zeros((tokens, self.shape.hidden));
        let places = sequences.iter().flat_map(|ids| ids.iter().copied().enumerate());
        for (mut row, (position, id)) in x.rows_mut().into_iter().zip(places) {
            if let Some(row) = row.as_slice_mut() {
                self.words.add_row(id as usize, row);
                self.positions.add_row(position, row);
            }
        }
        normalise(&mut x, &self.input_norm);
        x
    }

    fn attention(&self, sequences: &[&[u32]], qkv: &Array2<f32>, context: &mut Array2<f32>) {
        let hidden = self.shape.hidden;
        let width = hidden / self.shape.heads;
        let scale = 1.0 / (width as f32).sqrt();
        let mut start = 0;
        for ids in sequences {
            let end = start + ids.len();
            let rows = qkv.slice_axis(ROWS, Slice::from(start..end));
            let mut target_rows = context.slice_axis_mut(ROWS, Slice::from(start..end));
            let mut scores = Array2::zeros((ids.len(), ids.len()));
            for head in 0..self.shape.heads {
                let at = head * width;
                let part = |offset: usize| {
                    rows.slice_axis(COLUMNS, Slice::from(offset + at..offset + at + width))
                };
                general_mat_mul(scale, &part(0), &part(hidden).t(), 0.0, &mut scores);
                softmax(&mut scores);
                let mut target = target_rows.slice_axis_mut(COLUMNS, Slice::from(at..at + width));
                general_mat_mul(1.0, &scores, &part(2 * hidden), 0.0, &mut target);
            }
            start = end;
        }
    }
}

fn add_bias(x: &mut Array2<f32>, bias: &[f32]) {
    for mut row in x.rows_mut() {
        for (value, b) in row.iter_mut().zip(bias) {
            *value += b;
        }
    }
}

fn normalise(x: &mut Array2<f32>, norm: &Norm) {
    for mut row in x.rows_mut() {
        let count = row.len() as f32;
        let mean = row.sum() / count;
        let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
        let factor = 1.0 / (variance + EPSILON).sqrt();
        for ((value, weight), bias) in row.iter_mut().zip(&norm.weight).zip(&norm.bias) {
            *value = (*value - mean) * factor * weight + bias;
        }
    }
}

fn softmax(scores: &mut Array2<f32>) {
    for mut row in scores.rows_mut() {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0.0;
        for value in &mut row {
            *value = (*value - largest).exp();
            total += *value;
        }
        for value in &mut row {
            *value /= total;
        }
    }
}

/// `x` times the normal distribution function of `x`.
///
/// The distribution function is a quotient of two polynomials fitted by least squares on
/// [-5.6, 5.6]; its largest error there is 1.6e-7, and outside it the function is 0 or 1 to the
/// precision of `f32`. It needs no exponential, so the compiler can use vector instructions.
fn gelu(x: f32) -> f32 {
    let z = x.clamp(-5.6, 5.6);
    let u = z * z;
    let above = ((((2.255_677e-8 * u + 6.332_305_5e-6) * u + 1.691_622_9e-4) * u + 4.678_722e-3)
        * u
        + 3.390_808_8e-2)
        * u
        + 3.989_422_3e-1;
    let below = ((((1.190_480_6e-6 * u + 7.364_418e-5) * u + 1.886_305_3e-3) * u + 2.867_265_2e-2)
        * u
        + 2.516_609_4e-1)
        * u
        + 1.0;
    x * (0.5 + z * above / below).clamp(0.0, 1.0)
}

fn mean_of_length_one(tokens: &ArrayView2<'_, f32>) -> Vec<f32> {
    let mut vector = tokens.mean_axis(ROWS).map_or_else(Vec::new, |mean| mean.to_vec());
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in &mut vector {
            *value /= length;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::gelu;

    #[test]
    fn gelu_agrees_with_the_known_values_of_the_normal_distribution() {
        // Values of the standard normal distribution function, from tables.
        for (x, phi) in [
            (0.0_f32, 0.5_f32),
            (0.5, 0.691_462_46),
            (1.0, 0.841_344_7),
            (-1.0, 0.158_655_25),
            (2.0, 0.977_249_87),
            (-3.0, 0.001_349_898),
            (9.0, 1.0),
            (-9.0, 0.0),
        ] {
            assert!((gelu(x) - x * phi).abs() < 1e-6, "gelu({x}) = {}", gelu(x));
        }
    }
}
