//! Finds the end of an object or a list.

mod blocks;
#[cfg(test)]
mod bytes;

pub(crate) use blocks::end;

/// Why an object or a list has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEnd {
    /// The text ends before it.
    Open,
    /// It nests too deeply.
    Deep,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same_ends() {
        let alphabet = br#"{}[]"\\\ax"#;
        let mut seed = 1_u64;
        for length in 0..400 {
            for _ in 0..60 {
                let mut text = b"[".to_vec();
                for _ in 0..length {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    text.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
                }
                let shown = String::from_utf8_lossy(&text);
                assert_eq!(blocks::end(&text, 5), bytes::end(&text, 5), "{shown}");
            }
        }
    }

    #[test]
    fn the_limit_is_the_deepest_level() {
        for end in [blocks::end, bytes::end] {
            assert_eq!(end(b"[[[]]]", 3), Ok(6));
            assert_eq!(end(b"[[[]]]", 2), Err(NoEnd::Deep));
            assert_eq!(end(b"[[], [], []]", 2), Ok(12));
            assert_eq!(end(br#"["[[[[\"#, 1), Err(NoEnd::Open));
        }
    }
}
