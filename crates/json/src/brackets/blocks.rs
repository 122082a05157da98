//! Finds the end of an object or a list, 64 bytes at a time.
//!
//! The method is that of simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019): for each block, a bit mask of
//! the quotes that are not escaped; its running parity tells which bytes are in strings; what is left are the brackets that count.

use super::NoEnd;
use crate::string::LANES;
use wide::u8x16;

/// The bytes of a block: a bit each in a mask.
const BLOCK: usize = 64;

/// The bit by which `{` and `[` differ, and `}` and `]`.
const CASE: u8 = 0x20;

/// Where bytes of some kinds are in a block.
struct Marks {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

/// The state that one block passes to the next.
#[derive(Default)]
struct Carry {
    /// All bits are set if the block ends within a string.
    in_string: u64,
    /// The lowest bit is set if the first byte is escaped.
    escaped: u64,
}

/// Returns the position after the object or the list that begins a text, which may nest `limit` levels deep. What is in it is not
/// validated: a closing bracket of either kind ends the innermost object or list.
pub(crate) fn end(text: &[u8], limit: usize) -> Result<usize, NoEnd> {
    let (mut depth, mut carry) = (0_usize, Carry::default());
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let marks = Marks::of(block);
        let mut brackets = (marks.opening | marks.closing) & !carry.strings(&marks);
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if marks.opening >> bit & 1 == 0 {
                depth -= 1;
                if depth == 0 {
                    return Ok(number * BLOCK + bit as usize + 1);
                }
            } else if depth == limit {
                return Err(NoEnd::Deep);
            } else {
                depth += 1;
            }
        }
    }
    Err(NoEnd::Open)
}

// === impl Marks ===

impl Marks {
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut marks = Self { quotes: 0, backslashes: 0, opening: 0, closing: 0 };
        let (parts, _) = block.as_chunks::<LANES>();
        for (number, part) in parts.iter().enumerate() {
            let bytes = u8x16::new(*part);
            let folded = bytes | u8x16::splat(CASE);
            let mask = |equal: u8x16| u64::from(equal.to_bitmask()) << (number * LANES);
            marks.quotes |= mask(bytes.simd_eq(u8x16::splat(b'"')));
            marks.backslashes |= mask(bytes.simd_eq(u8x16::splat(b'\\')));
            marks.opening |= mask(folded.simd_eq(u8x16::splat(b'{')));
            marks.closing |= mask(folded.simd_eq(u8x16::splat(b'}')));
        }
        marks
    }
}

// === impl Carry ===

impl Carry {
    /// Returns which bytes of the next block are in strings; an opening quote is, a closing one is not.
    fn strings(&mut self, marks: &Marks) -> u64 {
        let quotes = marks.quotes & !self.escaped(marks.backslashes);
        let in_string = running_parity(quotes) ^ self.in_string;
        self.in_string = if in_string >> (BLOCK - 1) == 0 { 0 } else { u64::MAX };
        in_string
    }

    /// Returns which bytes of the next block are escaped by a backslash before them.
    fn escaped(&mut self, mut backslashes: u64) -> u64 {
        let mut escaped = self.escaped;
        self.escaped = 0;
        while backslashes != 0 {
            let bit = backslashes.trailing_zeros();
            backslashes &= backslashes - 1;
            if escaped >> bit & 1 == 1 {
                continue;
            }
            match 1_u64.checked_shl(bit + 1) {
                Some(next) => escaped |= next,
                None => self.escaped = 1,
            }
        }
        escaped
    }
}

/// Returns for each bit whether the number of set bits up to it is odd.
const fn running_parity(mut bits: u64) -> u64 {
    let mut distance = 1;
    while distance < BLOCK {
        bits ^= bits << distance;
        distance *= 2;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::super::bytes;
    use super::*;

    #[test]
    fn finds_the_end_at_each_place_of_a_block() {
        for padding in 0..3 * BLOCK {
            for text in [r#"{"a":[{"b":"]}{[\"[\\"}]}"#, r#"["\\\\\\\"",{}]"#, "[[[[]]]]", r#"["\\"]"#, "{}"]
            {
                let text = format!("[{}{text}] ] }}", " ".repeat(padding));
                let expected = bytes::end(text.as_bytes(), 9);
                assert!(expected.is_ok() && end(text.as_bytes(), 9) == expected, "{text}");
            }
        }
    }
}
