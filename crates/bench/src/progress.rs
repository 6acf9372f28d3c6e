//! Telling how far a measurement has come.

/// Who is told.
pub trait Progress {
    /// What is being done from now on, in a few words.
    fn tell(&mut self, what: &str);
}
