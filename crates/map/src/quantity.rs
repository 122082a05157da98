//! Quantities of storage as Kubernetes writes them, e.g. `1Gi`, `500M` or `1e3`.

/// Suffixes and their factors. Those of two characters come first, so that `Mi` is not read as `M`.
const SUFFIXES: [(&str, f64); 14] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
];

/// Parses a quantity as bytes, or returns `None` if it is not one. A float is exact enough to compare volumes.
pub(crate) fn bytes(quantity: &str) -> Option<f64> {
    let quantity = quantity.trim();
    let unit = SUFFIXES.iter().find_map(|(suffix, factor)| Some((quantity.strip_suffix(suffix)?, *factor)));
    let (number, factor) = unit.unwrap_or_else(|| match quantity.strip_suffix('E') {
        Some(number) => (number, 1e18),
        None => (quantity, 1.0),
    });
    number.parse::<f64>().ok().map(|number| number * factor).filter(|bytes| bytes.is_finite())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn reads_suffixes_and_exponents() {
        let read = ["1Gi", "1G", "1024Mi", "1e3", "0.5Ki", "2E", "1500m", "7"].map(bytes);
        let gibi = 1_073_741_824.0;
        let wanted = [gibi, 1e9, gibi, 1e3, 512.0, 2e18, 1.5, 7.0].map(Some);
        assert_eq!(read, wanted);
        assert_eq!(["", "Gi", "one", "inf"].map(bytes), [None; 4]);
    }
}
