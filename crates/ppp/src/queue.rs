use std::collections::VecDeque;

/// Things to do, first come, first served. It holds memory only until it is found empty: most links of many
/// are silent most of the time.
#[derive(Debug)]
pub(crate) struct Queue<T>(VecDeque<T>);

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn push_back(&mut self, item: T) {
        self.0.push_back(item);
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let first = self.0.pop_front();
        if first.is_none() {
            self.0.shrink_to_fit();
        }
        first
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_queue_keeps_no_memory() {
        let mut queue = Queue::new();
        (0..5).for_each(|item| queue.push_back(item));
        assert!((0..5).all(|item| queue.pop_front() == Some(item)));
        assert!(queue.is_empty());
        assert_eq!(queue.pop_front(), None);
        assert_eq!(queue.0.capacity(), 0);
    }
}
