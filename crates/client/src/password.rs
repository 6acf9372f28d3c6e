use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mio::Waker;
use zeroize::Zeroizing;

use crate::config::PasswordPrompt;

/// A password, or none from a user who gives up.
pub(crate) type Answer = Option<Zeroizing<String>>;

/// Asks for another password in a thread of its own: the tunnel's packets do not wait for the user.
pub(crate) struct Asker {
    prompt: Option<PasswordPrompt>,
    waker: Arc<Waker>,
    sender: Sender<Answer>,
    receiver: Receiver<Answer>,
}

impl Asker {
    /// The waker is used once an answer is there.
    pub(crate) fn new(prompt: Option<PasswordPrompt>, waker: Waker) -> Self {
        let (sender, receiver) = channel();
        Self {
            prompt,
            waker: Arc::new(waker),
            sender,
            receiver,
        }
    }

    /// Begins to ask; the answer is none at once where nobody can be asked.
    pub(crate) fn ask(&self) {
        let (sender, waker) = (self.sender.clone(), Arc::clone(&self.waker));
        let answer = move |answer| {
            // Both fail only if the client has ended meanwhile.
            let _ = sender.send(answer);
            let _ = waker.wake();
        };
        let Some(prompt) = self.prompt.clone() else {
            return answer(None);
        };
        let refuse = answer.clone();
        let asking = thread::Builder::new().name("password".to_owned());
        if asking.spawn(move || answer(prompt())).is_err() {
            refuse(None);
        }
    }

    /// The answer, once it is there.
    pub(crate) fn answer(&self) -> Option<Answer> {
        self.receiver.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::*;

    fn asked(prompt: Option<PasswordPrompt>) -> Answer {
        let mut poll = Poll::new().unwrap();
        let asker = Asker::new(prompt, Waker::new(poll.registry(), Token(0)).unwrap());
        assert!(asker.answer().is_none());
        asker.ask();
        let mut events = Events::with_capacity(1);
        poll.poll(&mut events, Some(Duration::from_secs(20)))
            .unwrap();
        asker.answer().expect("woken with an answer")
    }

    #[test]
    fn an_answer_wakes_the_loop() {
        let answer = asked(Some(Arc::new(|| Some("second try".to_owned().into()))));
        assert_eq!(answer.as_deref().map(String::as_str), Some("second try"));
    }

    #[test]
    fn where_nobody_can_be_asked_the_answer_is_none() {
        assert!(asked(None).is_none());
    }
}
