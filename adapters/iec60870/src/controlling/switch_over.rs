//! Which connection of the redundancy group transfers data (IEC 60870-5-104 clause 10), and what the link is told to be meanwhile.
//!
//! Exactly one connection is started; the others are stopped, tested at t3, and known to be dead before they are needed (row 22). When the
//! started one is lost another is started at once. When a change is wished (by request, or back to the preferred one) the old one is
//! stopped first, when no command is under way (row 21). A switch-over is no loss of the link: what was read stays believed, and the image
//! is read again (R20). But data transfer that stays between two connections longer than [`SWITCH_OVER_MAX`] is a loss (R19). Commands
//! that come meanwhile wait within their own life; what had left before never moves to another connection (R5).

use std::time::Duration;

use bridge_model::{Command, CommandId, CommandMode, Mono, NotOperatedWhy, Now, Outcome};
use bridge_session::{Channel, Event, LinkState};

use super::{Controlling, Phase};
use crate::apci::Function;
use crate::error::Error;

/// How long data transfer may be under way from one connection to another before the link counts as lost.
pub(super) const SWITCH_OVER_MAX: Duration = Duration::from_secs(1);
/// How long the preferred connection must have been open again before it is tried: a line that flaps does not take the link with it.
pub(super) const SWITCH_BACK_AFTER: Duration = Duration::from_secs(10);

/// Commands that may wait for a switch-over to end.
pub(super) const WAITING_MAX: usize = 64;

/// What is wished, and what was told.
#[derive(Debug)]
pub(super) struct SwitchOver {
    /// Where data transfer shall go, by request or by preference.
    wanted: Option<Channel>,
    /// The preferred connection with the mark of the test that it has to answer before it is wanted.
    trial: Option<(Channel, u64)>,
    /// Since when a link that was told to be started has no started connection.
    between: Option<Mono>,
    told: LinkState,
    /// Commands that came between two connections, in order. Nothing of them has left.
    waiting: Vec<Command>,
}

impl Default for SwitchOver {
    fn default() -> Self {
        Self { wanted: None, trial: None, between: None, told: LinkState::Down, waiting: Vec::new() }
    }
}

impl SwitchOver {
    /// Whether a wish waits for its moment.
    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }
}

impl Controlling {
    /// The place of the connection that transfers data, or is on its way to or from it.
    pub(super) fn active(&self) -> Option<usize> {
        self.group.iter().position(|link| link.phase != Phase::Stopped && link.is_open())
    }

    /// The place of the connection that transfers data.
    pub(super) fn started(&self) -> Option<usize> {
        self.active().filter(|at| self.group.get(*at).is_some_and(|link| link.phase == Phase::Started))
    }

    /// Keeps a command until the switch-over that is under way has ended. `false`: none is, or too many wait, or it belongs to a select
    /// that ends with the old connection.
    pub(super) fn wait(&mut self, command: Command) -> bool {
        let is_whole = match command.mode {
            CommandMode::Direct | CommandMode::SelectExecute | CommandMode::Select => true,
            CommandMode::Execute | CommandMode::Cancel => false,
        };
        let is_between = self.switch.told == LinkState::Started && self.active().is_some();
        let may = is_whole && is_between && self.switch.waiting.len() < WAITING_MAX;
        if may {
            self.switch.waiting.push(command);
        }
        may
    }

    /// Gives up those of the waiting commands that `which` chooses.
    pub(super) fn give_up(&mut self, why: NotOperatedWhy, now: Now, which: impl Fn(&Command) -> bool) {
        for command in self.switch.waiting.extract_if(.., |command| which(command)) {
            self.events.push_back(Event::Settled { command, outcome: Outcome::NotOperated(why), at: now });
        }
    }

    /// A waiting command is withdrawn.
    pub(super) fn cancel_waiting(&mut self, id: CommandId, now: Now) {
        self.give_up(NotOperatedWhy::Cancelled, now, |command| command.id == id);
    }

    /// The operator wishes another connection.
    pub(super) fn want_another(&mut self, now: Now) {
        let standby = self.best_standby().and_then(|at| self.group.get(at)).map(|link| link.connection.channel);
        match standby {
            Some(channel) if self.started().is_some() => self.switch.wanted = Some(channel),
            Some(_) | None => {
                let what = "a switch-over is asked and no connection stands by".to_owned();
                self.events.push_back(Event::Refused { what });
            }
        }
        self.settle(now);
    }

    /// STARTDT was confirmed on the connection at `at`.
    pub(super) fn confirmed(&mut self, at: usize, now: Now) -> Result<(), Error> {
        let Some(link) = self.group.get_mut(at) else { return Ok(()) };
        if link.phase != Phase::Starting {
            return Err(Error::misbehaved("STARTDT con instead of STOPDT con"));
        }
        link.phase = Phase::Started;
        let channel = link.connection.channel;
        self.unknown_types.clear();
        self.misfits_told = false;
        self.switch.between = None;
        if self.switch.told == LinkState::Started {
            self.group.switched_over(channel);
            // The station was initialised long ago: there is nothing to await.
            self.interrogation.want(now.mono);
        } else {
            self.interrogation.started(now.mono);
        }
        for command in std::mem::take(&mut self.switch.waiting) {
            self.group.commanded();
            self.commands.request(command, None, &mut self.events, now);
        }
        if let Some(reverse) = &mut self.reverse
            && let Some(peer) = self.group.get(at).map(crate::link104::Member::peer_info)
        {
            reverse.begin(&peer, now);
            reverse.tell((0, 0), &mut self.events);
        }
        Ok(())
    }

    /// STOPDT was confirmed on the connection at `at`.
    pub(super) fn stopped(&mut self, at: usize, now: Now) -> Result<(), Error> {
        let Some(link) = self.group.get_mut(at) else { return Ok(()) };
        if link.phase != Phase::Stopping {
            return Err(Error::misbehaved("STOPDT con instead of STARTDT con"));
        }
        link.phase = Phase::Stopped;
        if link.connection.number == self.carrier {
            self.settled = link.connection.settled();
        }
        self.ended(now);
        Ok(())
    }

    /// No data comes on the connection any more that brought it: every command has its outcome now.
    pub(super) fn ended(&mut self, now: Now) {
        self.commands.connection_lost(&mut self.events, now);
        self.interrogation.connection_lost(&mut self.events);
        self.housekeeping.connection_lost(&mut self.events);
        if let Some(reverse) = &mut self.reverse {
            reverse.end(now);
            reverse.tell((0, 0), &mut self.events);
        }
        self.switch.between.get_or_insert(now.mono);
    }

    /// Does what the present state of the group asks for. Called after everything that may have changed it.
    pub(super) fn settle(&mut self, now: Now) {
        self.prefer(now);
        self.stop_for_another(now);
        self.choose(now);
        self.give_up(NotOperatedWhy::Expired, now, |command| now.mono >= command.not_after.mono);
        self.tell(now);
    }

    /// Wants the preferred connection once it has been open for a while and then answered a test.
    fn prefer(&mut self, now: Now) {
        let Some(at) = self.returning() else { return };
        let Some(link) = self.group.get_mut(at) else { return };
        let (channel, mark) = (link.connection.channel, link.connection.test_mark());
        match self.switch.trial {
            Some((tried, asked)) if tried == channel => {
                if link.connection.answered_since(asked) {
                    self.switch.trial = None;
                    self.switch.wanted = Some(channel);
                }
            }
            Some(_) | None if now.mono >= link.opened + SWITCH_BACK_AFTER && !link.connection.is_in_doubt() => {
                link.connection.ask(Function::TestAct, now.mono);
                self.switch.trial = Some((channel, mark));
            }
            Some(_) | None => {}
        }
    }

    /// The place of the preferred connection, if it stands by and data transfer is to return to it.
    fn returning(&self) -> Option<usize> {
        let preferred = self.params.preferred.filter(|_| self.params.switch_back && self.switch.wanted.is_none())?;
        let started = self.started().and_then(|at| self.group.get(at))?;
        if preferred.matches(started.peer) {
            return None;
        }
        self.group.iter().position(|link| link.is_open() && link.phase == Phase::Stopped && preferred.matches(link.peer))
    }

    /// Stops the started connection in favour of the wanted one, as soon as no command is under way on it.
    fn stop_for_another(&mut self, now: Now) {
        let Some(wanted) = self.switch.wanted else { return };
        let target = self.group.find(wanted).and_then(|at| self.group.get(at));
        if target.is_none_or(|link| !link.is_open() || link.phase == Phase::Started) {
            self.switch.wanted = None;
            return;
        }
        let Some(at) = self.started().filter(|_| self.commands.is_idle()) else { return };
        if let Some(link) = self.group.get_mut(at) {
            link.phase = Phase::Stopping;
            link.connection.ask(Function::StopAct, now.mono);
            // The station confirms when both directions are acknowledged: that shall not wait for w or t2.
            link.connection.hurry();
        }
    }

    /// Starts a connection if none is.
    fn choose(&mut self, now: Now) {
        if self.active().is_some() {
            return;
        }
        let wanted = self.switch.wanted.take().and_then(|channel| self.group.find(channel));
        let Some(at) = wanted.or_else(|| self.best_standby()) else { return };
        if let Some(link) = self.group.get_mut(at) {
            link.phase = Phase::Starting;
            link.connection.ask(Function::StartAct, now.mono);
        }
    }

    /// The stopped connection to start: the preferred one, one that is not in doubt, the oldest.
    fn best_standby(&self) -> Option<usize> {
        let standby = self.group.iter().enumerate().filter(|(_, link)| link.is_open() && link.phase == Phase::Stopped);
        let rank = |peer| !self.params.preferred.is_some_and(|preferred| preferred.matches(peer));
        standby.min_by_key(|(_, link)| (link.connection.is_in_doubt(), rank(link.peer), link.connection.number)).map(|(at, _)| at)
    }

    /// Tells what is new about the group.
    fn tell(&mut self, now: Now) {
        if let Some(state) = self.state(now.mono).filter(|state| *state != self.switch.told) {
            self.switch.told = state;
            self.give_up(NotOperatedWhy::LinkDown, now, |_| true);
            self.events.push_back(Event::LinkState(state));
        }
        if self.started().is_some() {
            let ready = self.group.iter().filter(|link| link.is_open() && link.phase == Phase::Stopped).count();
            self.events.extend(self.group.tell_standby(ready));
        } else if self.group.is_empty() {
            // That none stands by goes without saying.
            self.group.tell_standby(0);
        }
        self.events.extend(self.group.tell_switch_over(now.mono));
    }

    /// What the link is; `None` as long as it is to be taken for what it was: every connection is about to be closed, or the next one is
    /// about to be started.
    fn state(&self, now: Mono) -> Option<LinkState> {
        let is_transferring = |phase| matches!(phase, Phase::Started | Phase::Stopping);
        if self.group.iter().any(|link| link.is_open() && is_transferring(link.phase)) {
            Some(LinkState::Started)
        } else if self.group.is_empty() {
            Some(LinkState::Down)
        } else {
            (self.active().is_some() && !self.is_between(now)).then_some(LinkState::Connected)
        }
    }

    fn is_between(&self, now: Mono) -> bool {
        self.switch.told == LinkState::Started && self.switch.between.is_some_and(|since| now < since + SWITCH_OVER_MAX)
    }

    /// When [`Controlling::settle`] has to look again although nothing happened.
    pub(super) fn switch_deadline(&self) -> Mono {
        let lost = self.switch.between.filter(|_| self.switch.told == LinkState::Started && self.active().is_some());
        let trial = self.returning().and_then(|at| self.group.get(at)).filter(|link| {
            let is_tried = self.switch.trial.is_some_and(|(channel, _)| channel == link.connection.channel);
            !is_tried && !link.connection.is_in_doubt()
        });
        let lost = lost.map_or(Mono::NEVER, |since| since + SWITCH_OVER_MAX);
        let expiry = self.switch.waiting.iter().map(|command| command.not_after.mono).min().unwrap_or(Mono::NEVER);
        trial.map_or(Mono::NEVER, |link| link.opened + SWITCH_BACK_AFTER).min(lost).min(expiry)
    }
}

#[cfg(test)]
mod tests;
