//! The one loop: keys and answers come in through one channel, effects go out to the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use alluvium_model::SnapshotSource;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::msg::{Effect, Msg};
use crate::state::State;
use crate::view::{Theme, draw};
use crate::worker::Worker;
use crate::{Error, Result};

pub(crate) fn run(sources: Vec<(String, Arc<dyn SnapshotSource>)>) -> Result<()> {
    if sources.is_empty() {
        return Err(Error::NoSnapshot);
    }
    let theme = Theme::from_no_color(std::env::var("NO_COLOR").ok().as_deref());
    let mut terminal = ratatui::try_init()?;
    let result = browse_on(&mut terminal, sources, &theme);
    ratatui::try_restore()?;
    result
}

fn browse_on(
    terminal: &mut DefaultTerminal,
    sources: Vec<(String, Arc<dyn SnapshotSource>)>,
    theme: &Theme,
) -> Result<()> {
    let described =
        sources.iter().map(|(name, source)| (name.clone(), Arc::new(source.describe().clone()))).collect();
    let mut state = State::new(described);
    let worker = Worker::new(sources.into_iter().map(|(_, source)| source).collect());
    let (msgs, inbox) = channel();
    let asks = start_worker(worker.clone(), msgs.clone());
    let done = Arc::new(AtomicBool::new(false));
    start_keys(msgs, Arc::clone(&done));
    let size = terminal.size()?;
    let mut effects = state.update(Msg::Resize { width: size.width, height: size.height });
    let result = loop {
        if !carry_out(effects, &worker, &asks) {
            break Ok(());
        }
        if let Err(error) = terminal.draw(|frame| draw(&state, theme, frame)) {
            break Err(error.into());
        }
        effects = take_all(&mut state, &inbox);
    };
    done.store(true, Ordering::Relaxed);
    worker.cancel(u64::MAX);
    result
}

/// Waits for a message and takes it and all that came with it, so that one frame shows them.
fn take_all(state: &mut State, inbox: &Receiver<Msg>) -> Vec<Effect> {
    let Ok(first) = inbox.recv() else { return vec![Effect::Quit] };
    let mut effects = state.update(first);
    while let Ok(more) = inbox.try_recv() {
        effects.extend(state.update(more));
    }
    effects
}

/// Returns whether the browser goes on.
fn carry_out(effects: Vec<Effect>, worker: &Worker, asks: &Sender<Effect>) -> bool {
    for effect in effects {
        match effect {
            Effect::Quit => return false,
            Effect::Cancel { ticket } => worker.cancel(ticket),
            ask => {
                if asks.send(ask).is_err() {
                    return false;
                }
            }
        }
    }
    true
}

fn start_worker(worker: Worker, msgs: Sender<Msg>) -> Sender<Effect> {
    let (asks, inbox) = channel::<Effect>();
    thread::spawn(move || {
        for effect in inbox {
            // When nobody listens any more, the browser has been left.
            worker.run(effect, &mut |msg| drop(msgs.send(msg)));
        }
    });
    asks
}

fn start_keys(msgs: Sender<Msg>, done: Arc<AtomicBool>) {
    thread::spawn(move || {
        while !done.load(Ordering::Relaxed) {
            let msg = match event::poll(Duration::from_millis(100))
                .and_then(|some| some.then(event::read).transpose())
            {
                Ok(Some(Event::Key(key))) if key.kind != KeyEventKind::Release => Msg::Key(key.into()),
                Ok(Some(Event::Resize(width, height))) => Msg::Resize { width, height },
                Ok(_) => continue,
                Err(_) => return,
            };
            if msgs.send(msg).is_err() {
                return;
            }
        }
    });
}
