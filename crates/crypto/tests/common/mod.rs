//! Reading the hexadecimal values of the test vectors.

/// The octets that a string of hexadecimal digits stands for, as a vector or an array.
pub(crate) fn hex<T: TryFrom<Vec<u8>>>(digits: &str) -> T
where
    T::Error: std::fmt::Debug,
{
    assert!(digits.len().is_multiple_of(2), "odd number of digits");
    let pairs = digits.as_bytes().chunks_exact(2);
    let octets: Vec<u8> = pairs
        .map(|pair| {
            u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16)
                .expect("hexadecimal digits")
        })
        .collect();
    T::try_from(octets).expect("as many octets as the type has")
}
