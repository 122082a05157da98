//! Paths as texts: a path is a prefix of another one, by whole segments, if its text is a prefix of the other text.
//!
//! Each segment ends with a NUL. A NUL in a segment is written as `\x01\x01`, and `\x01` as `\x01\x02`, so that texts have the
//! order of their paths.

/// The end of a segment.
const END: char = '\0';
const ESCAPE: char = '\x01';
const ESCAPED_END: char = '\x01';
const ESCAPED_ESCAPE: char = '\x02';

/// Returns the text of the first `segments` segments of a path, cut to at most `bytes` bytes. The part of a segment that is
/// left counts as a segment.
pub(crate) fn text(path: &[String], segments: usize, bytes: usize) -> String {
    let mut text = String::new();
    for segment in path.iter().take(segments) {
        push(&mut text, segment);
        if text.len() > bytes {
            cut(&mut text, bytes);
            break;
        }
    }
    text
}

/// Returns the segments of a text.
pub(crate) fn segments(text: &str) -> Vec<String> {
    text.split_terminator(END).map(unescaped).collect()
}

/// Returns the number of segments of a text.
pub(crate) fn depth(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\0').count()
}

/// Returns the first segments of a text.
pub(crate) fn prefix(text: &str, segments: usize) -> &str {
    let length = text.split_inclusive(END).take(segments).map(str::len).sum();
    text.get(..length).unwrap_or(text)
}

/// Returns the length of the segments that two texts begin with.
pub(crate) fn shared(one: &str, other: &str) -> usize {
    let segments = one.split_inclusive(END).zip(other.split_inclusive(END));
    segments.take_while(|(one, other)| one == other).map(|(one, _)| one.len()).sum()
}

fn push(text: &mut String, segment: &str) {
    if segment.contains([END, ESCAPE]) {
        segment.chars().for_each(|letter| match letter {
            END => text.extend([ESCAPE, ESCAPED_END]),
            ESCAPE => text.extend([ESCAPE, ESCAPED_ESCAPE]),
            other => text.push(other),
        });
    } else {
        text.push_str(segment);
    }
    text.push(END);
}

/// Cuts a text to at most `bytes` bytes, with the end of its last segment.
fn cut(text: &mut String, bytes: usize) {
    if text.get(..bytes).is_some_and(|whole| whole.ends_with(END)) {
        return text.truncate(bytes);
    }
    text.truncate(text.floor_char_boundary(bytes.saturating_sub(1)));
    if !text.is_empty() && !text.ends_with(END) {
        text.push(END);
    }
}

fn unescaped(segment: &str) -> String {
    if !segment.contains(ESCAPE) {
        return segment.to_owned();
    }
    let mut letters = segment.chars();
    let mut plain = String::with_capacity(segment.len());
    while let Some(letter) = letters.next() {
        plain.push(match (letter, letter == ESCAPE) {
            (letter, false) => letter,
            // A cut may have removed the second letter.
            (_, true) if letters.next() == Some(ESCAPED_END) => END,
            (_, true) => ESCAPE,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paths() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[\0\x01\x02aä]{0,3}", 0..5)
    }

    #[test]
    fn a_cut_keeps_an_empty_segment_that_fits() {
        let path = ["", ""].map(str::to_owned);
        assert_eq!(text(&path, 2, 1), "\0");
        assert_eq!(text(&path[..1], 2, 1), "\0");
    }

    proptest! {
        #[test]
        fn a_text_has_the_segments_of_its_path(path in paths()) {
            let text = text(&path, usize::MAX, usize::MAX);
            prop_assert_eq!(depth(&text), path.len());
            prop_assert_eq!(segments(&text), path);
        }

        #[test]
        fn texts_have_the_order_and_the_prefixes_of_their_paths(one in paths(), other in paths()) {
            let [first, second] = [&one, &other].map(|path| text(path, usize::MAX, usize::MAX));
            prop_assert_eq!(first.cmp(&second), one.cmp(&other));
            prop_assert_eq!(first.starts_with(&second), one.starts_with(&other));
            let common = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
            prop_assert_eq!(shared(&first, &second), prefix(&first, common).len());
        }

        #[test]
        fn a_cut_text_fits_and_overlaps_what_its_path_overlaps(
            one in paths(), other in paths(), segments in 0..4_usize, bytes in 0..8_usize,
        ) {
            let [first, second] = [&one, &other].map(|path| text(path, segments, bytes));
            prop_assert!(first.len() <= bytes && depth(&first) <= segments);
            if one.starts_with(&other) {
                prop_assert!(first.starts_with(&second), "{first:?} {second:?}");
            }
        }
    }
}
