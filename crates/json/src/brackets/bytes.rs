//! Finds the end of an object or a list, byte by byte.

use super::NoEnd;
use crate::string;

/// Returns the position after the object or the list that begins a text, which may nest `limit` levels deep. What is in it is not
/// validated: a closing bracket of either kind ends the innermost object or list.
pub(crate) fn end(text: &[u8], limit: usize) -> Result<usize, NoEnd> {
    let (mut depth, mut position) = (0_usize, 0);
    while let Some(byte) = text.get(position) {
        position += 1;
        match byte {
            b'"' => {
                let rest = text.get(position..).unwrap_or_default();
                position += string::end(rest).ok_or(NoEnd::Open)?;
            }
            // No valid text has one here.
            b'\\' if matches!(text.get(position), Some(b'"' | b'\\')) => position += 1,
            b'{' | b'[' if depth == limit => return Err(NoEnd::Deep),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(position);
                }
            }
            _ => {}
        }
    }
    Err(NoEnd::Open)
}
