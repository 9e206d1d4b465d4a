//! The weights file: its layout, and reading it into matrices.
//!
//! Little-endian throughout. Eight bytes of magic, seven `u32` (vocabulary, hidden width, layers,
//! heads, inner width, positions, bytes of vocabulary), the vocabulary as UTF-8 lines, then the
//! tensors in the order in which the forward pass needs them. A matrix is one `f32` scale per row
//! followed by the rows as `i8`; a vector is plain `f32`. `weights/convert.py` writes the file.

use ndarray::Array2;

use crate::error::SearchError;

const MAGIC: &[u8; 8] = b"TAGOUTM1";

/// The sizes at the head of a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) inner: usize,
    pub(crate) positions: usize,
}

/// A matrix that stays quantised: one scale per row, rows as signed bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuantisedRows<'a> {
    scales: &'a [u8],
    rows: &'a [u8],
    columns: usize,
}

impl QuantisedRows<'_> {
    /// Adds row `row` to `target`. A row that does not exist adds nothing.
    pub(crate) fn add_row(&self, row: usize, target: &mut [f32]) {
        let scale = self.scale(row);
        let start = row.saturating_mul(self.columns);
        let Some(bytes) = self.rows.get(start..start.saturating_add(self.columns)) else {
            return;
        };
        for (value, byte) in target.iter_mut().zip(bytes) {
            *value += scale * f32::from(byte.cast_signed());
        }
    }

    fn scale(&self, row: usize) -> f32 {
        let start = row.saturating_mul(4);
        match self.scales.get(start..start.saturating_add(4)) {
            Some(&[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => 0.0,
        }
    }
}

/// A weight matrix ready for multiplication, stored input-major (`inputs` x `outputs`).
pub(crate) type Matrix = Array2<f32>;

/// One encoder layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Query, key and value side by side: hidden x 3 hidden.
    pub(crate) qkv: Matrix,
    pub(crate) qkv_bias: Vec<f32>,
    pub(crate) attention_out: Matrix,
    pub(crate) attention_out_bias: Vec<f32>,
    pub(crate) attention_norm: Norm,
    pub(crate) inner: Matrix,
    pub(crate) inner_bias: Vec<f32>,
    pub(crate) outer: Matrix,
    pub(crate) outer_bias: Vec<f32>,
    pub(crate) output_norm: Norm,
}

/// Scale and shift of a layer normalisation.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// A whole weights file, read.
#[derive(Debug)]
pub(crate) struct Weights<'a> {
    pub(crate) shape: Shape,
    pub(crate) vocabulary: &'a str,
    pub(crate) words: QuantisedRows<'a>,
    pub(crate) positions: QuantisedRows<'a>,
    pub(crate) input_norm: Norm,
    pub(crate) layers: Vec<Layer>,
}

impl<'a> Weights<'a> {
    /// Reads a weights file. Fails if it is not complete or has bytes left over.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, SearchError> {
        let mut reader = Reader { bytes, offset: 0 };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(SearchError::Weights("the file does not begin with TAGOUTM1".into()));
        }
        let shape = Shape {
            vocabulary: reader.size()?,
            hidden: reader.size()?,
            layers: reader.size()?,
            heads: reader.size()?,
            inner: reader.size()?,
            positions: reader.size()?,
        };
        shape.check()?;
        let text = reader.size()?;
        let vocabulary = std::str::from_utf8(reader.take(text)?)
            .map_err(|_| SearchError::Weights("the vocabulary is not UTF-8".into()))?;
        let Shape { hidden: h, inner, .. } = shape;
        let words = reader.quantised(shape.vocabulary, h)?;
        let positions = reader.quantised(shape.positions, h)?;
        let input_norm = reader.norm(h)?;
        let layers = (0..shape.layers)
            .map(|_| {
                Ok(Layer {
                    qkv: reader.matrices(3, h, h)?,
                    qkv_bias: reader.vector(3 * h)?,
                    attention_out: reader.matrices(1, h, h)?,
                    attention_out_bias: reader.vector(h)?,
                    attention_norm: reader.norm(h)?,
                    inner: reader.matrices(1, inner, h)?,
                    inner_bias: reader.vector(inner)?,
                    outer: reader.matrices(1, h, inner)?,
                    outer_bias: reader.vector(h)?,
                    output_norm: reader.norm(h)?,
                })
            })
            .collect::<Result<Vec<_>, SearchError>>()?;
        if reader.offset != bytes.len() {
            return Err(SearchError::Weights(format!(
                "{} bytes left over after the last tensor",
                bytes.len() - reader.offset
            )));
        }
        Ok(Weights { shape, vocabulary, words, positions, input_norm, layers })
    }
}

impl Shape {
    /// Bounds every size, so that a damaged header cannot ask for absurd amounts of memory.
    fn check(self) -> Result<(), SearchError> {
        let fine = (1..=1_000_000).contains(&self.vocabulary)
            && (1..=4096).contains(&self.hidden)
            && (1..=48).contains(&self.layers)
            && (1..=64).contains(&self.heads)
            && (1..=16_384).contains(&self.inner)
            && (3..=4096).contains(&self.positions)
            && self.hidden.is_multiple_of(self.heads);
        if fine {
            Ok(())
        } else {
            Err(SearchError::Weights(format!("the header has sizes that make no model: {self:?}")))
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], SearchError> {
        let end = self.offset.saturating_add(count);
        let part = self.bytes.get(self.offset..end).ok_or_else(|| {
            SearchError::Weights(format!(
                "the file ends at byte {}, byte {end} was needed",
                self.bytes.len()
            ))
        })?;
        self.offset = end;
        Ok(part)
    }

    fn size(&mut self) -> Result<usize, SearchError> {
        let (parts, _) = self.take(4)?.as_chunks::<4>();
        Ok(parts.first().map_or(0, |b| u32::from_le_bytes(*b) as usize))
    }

    fn vector(&mut self, length: usize) -> Result<Vec<f32>, SearchError> {
        let (parts, _) = self.take(length.saturating_mul(4))?.as_chunks::<4>();
        Ok(parts.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    fn norm(&mut self, length: usize) -> Result<Norm, SearchError> {
        Ok(Norm { weight: self.vector(length)?, bias: self.vector(length)? })
    }

    fn quantised(&mut self, rows: usize, columns: usize) -> Result<QuantisedRows<'a>, SearchError> {
        Ok(QuantisedRows {
            scales: self.take(rows.saturating_mul(4))?,
            rows: self.take(rows.saturating_mul(columns))?,
            columns,
        })
    }

    /// Reads `count` matrices of `outputs` x `inputs` that follow each other and lays them side by
    /// side, transposed to `inputs` x (`count` * `outputs`): the order that multiplies fastest.
    fn matrices(
        &mut self,
        count: usize,
        outputs: usize,
        inputs: usize,
    ) -> Result<Matrix, SearchError> {
        let mut matrix = Matrix::zeros((inputs, count * outputs));
        for part in 0..count {
            let rows = self.quantised(outputs, inputs)?;
            for row in 0..outputs {
                let scale = rows.scale(row);
                let start = row * inputs;
                let bytes = rows.rows.get(start..start + inputs).unwrap_or_default();
                let column = matrix.column_mut(part * outputs + row);
                for (value, byte) in column.into_iter().zip(bytes) {
                    *value = scale * f32::from(byte.cast_signed());
                }
            }
        }
        Ok(matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_file_is_refused_and_says_which_byte_was_missing() {
        let whole = crate::model::BUNDLED;
        for length in [0, 7, 8, 20, 36, 100_000, whole.len() - 1] {
            let error = Weights::read(&whole[..length]).unwrap_err();
            assert!(error.to_string().contains("the file ends at byte"), "{error}");
        }
    }

    #[test]
    fn bytes_after_the_last_tensor_are_refused() {
        let mut bytes = crate::model::BUNDLED.to_vec();
        bytes.push(0);
        let error = Weights::read(&bytes).unwrap_err();
        assert!(error.to_string().contains("1 bytes left over"), "{error}");
    }

    #[test]
    fn a_header_with_impossible_sizes_is_refused_before_any_memory_is_taken() {
        let mut bytes = crate::model::BUNDLED[..64].to_vec();
        bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Weights::read(&bytes).unwrap_err();
        assert!(error.to_string().contains("make no model"), "{error}");
    }
}
