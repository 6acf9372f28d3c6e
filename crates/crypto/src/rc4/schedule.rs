//! The key schedule: from a key to the table that a stream starts with.

use super::Table;
use crate::secret::Secret;

/// The table before a key permutes it.
pub(super) const IDENTITY: Table = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = i as u8;
        i += 1;
    }
    table
};

/// The key repeated to 16 octets, from which the same table follows, if its length divides 16: that
/// is so for all keys of MPPE.
pub(super) fn repeated(key: &[u8]) -> Option<Secret<16>> {
    if key.is_empty() || 16 % key.len() != 0 {
        return None;
    }
    let mut octets = [0; 16];
    for part in octets.chunks_exact_mut(key.len()) {
        part.copy_from_slice(key);
    }
    Some(Secret(octets))
}

/// Makes the tables of `N` keys side by side. One waits for memory most of the time, two take little
/// longer.
///
/// The element that the next round starts with is read before this round writes, and corrected if
/// this round changes it: a processor that has to guess whether the two are the same loses more time
/// than that.
pub(super) fn permute<const N: usize>(tables: [&mut Table; N], keys: [&[u8; 16]; N]) {
    let mut tables = tables.map(|table| {
        *table = IDENTITY;
        table
    });
    let mut j = [0u8; N];
    let mut a = [0u8; N];
    for row in (0..256).step_by(16) {
        for (column, i) in (row..row + 16).enumerate() {
            for (lane, table) in tables.iter_mut().enumerate() {
                let next = table[(i + 1) & 0xff];
                j[lane] = j[lane]
                    .wrapping_add(a[lane])
                    .wrapping_add(keys[lane][column]);
                let b = table[usize::from(j[lane])];
                table[usize::from(j[lane])] = a[lane];
                table[i] = b;
                if usize::from(j[lane]) != i + 1 {
                    a[lane] = next;
                }
            }
        }
    }
}

/// Makes the table of a key of any length: 1 to 256 octets; more are ignored, and an empty key is
/// taken as one zero octet.
pub(super) fn permute_by_any(table: &mut Table, key: &[u8]) {
    *table = IDENTITY;
    let key = if key.is_empty() { &[0] } else { key };
    let mut j = 0u8;
    for (i, octet) in (0..=255u8).zip(key.iter().cycle()) {
        j = j.wrapping_add(table[usize::from(i)]).wrapping_add(*octet);
        table.swap(usize::from(i), usize::from(j));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_that_fill_sixteen_octets_are_repeated() {
        assert_eq!(
            repeated(&[1, 2]),
            Some(Secret([1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]))
        );
        for length in [0, 3, 5, 12, 17, 32] {
            assert_eq!(repeated(&vec![1; length]), None);
        }
    }

    proptest! {
        #[test]
        fn all_ways_make_the_same_tables(first: [u8; 16], second: [u8; 16], length in 0u32..5) {
            let length = 1 << length;
            let (first, second) = (&first[..length], &second[..length]);
            let [mut a, mut b, mut c, mut d] = [[0; 256]; 4];
            permute_by_any(&mut a, first);
            permute_by_any(&mut b, second);
            let keys = [repeated(first).unwrap(), repeated(second).unwrap()];
            permute([&mut c, &mut d], [&keys[0].0, &keys[1].0]);
            prop_assert_eq!((a, b), (c, d));
        }
    }
}
