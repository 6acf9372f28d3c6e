//! The two ends of a session.

use std::ops::{Index, IndexMut};

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    First,
    Second,
}

impl End {
    pub(crate) const BOTH: [Self; 2] = [Self::First, Self::Second];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// Something that both ends have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pair<T>(pub(crate) [T; 2]);

impl<T> Index<End> for Pair<T> {
    type Output = T;
    fn index(&self, end: End) -> &T {
        let [first, second] = &self.0;
        match end {
            End::First => first,
            End::Second => second,
        }
    }
}

impl<T> IndexMut<End> for Pair<T> {
    fn index_mut(&mut self, end: End) -> &mut T {
        let [first, second] = &mut self.0;
        match end {
            End::First => first,
            End::Second => second,
        }
    }
}
