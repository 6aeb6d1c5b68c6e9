//! `ies-bridge`: the command line, the daemon and the simulators. Concrete meets concrete here and nowhere else.

mod adapters;
mod clock;
mod cmd;
mod config;
mod control;
mod disk_fault;
mod fault;
mod journal;
mod say;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::fault::{FAILED, Fault};

/// A bridge between grid stations, plants and control centres and the India Energy Stack: it reads what they say, proves what it passes on,
/// and carries out what it may, at most once and never late.
#[derive(Parser)]
#[command(
    name = "ies-bridge",
    version,
    after_help = "Start here:\n  ies-bridge demo\n  ies-bridge keys init plant/keys\n  ies-bridge check plant/\n  ies-bridge run plant/ --story"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the bridge of a configuration.
    Run(cmd::run::Args),
    /// Show every problem of a configuration, and what it would do.
    Check(cmd::check::Args),
    /// Ask the running bridge how it is.
    Status(cmd::send::StatusArgs),
    /// Send an operator's instruction through the running bridge.
    #[command(subcommand)]
    Send(cmd::send::Args),
    /// Show the instructions that wait for this plant's operators, and answer them.
    #[command(subcommand)]
    Inbox(cmd::inbox::Args),
    /// Ask something of a link's station: read, counters, clock, test, parameters.
    Link(cmd::link::Args),
    /// Show operations and what became of them.
    #[command(subcommand)]
    Operations(cmd::operations::Args),
    /// Print what is in the journal, each batch verified first.
    Tail(cmd::tail::Args),
    /// Verify a journal offline.
    Verify(cmd::verify::Args),
    /// Check a journal's files for damage, without keys.
    Fsck(cmd::fsck::Args),
    /// Lint and test a mapping profile.
    #[command(subcommand)]
    Profile(cmd::profile::Args),
    /// Make and show a bridge's keys.
    #[command(subcommand)]
    Keys(cmd::keys::Args),
    /// Officers: sign and show the trust bundle.
    #[command(subcommand)]
    Trust(cmd::trust::Args),
    /// Simulate a station or an EMS on a real socket.
    #[command(subcommand)]
    Sim(cmd::sim::Args),
    /// Show the whole path at work: four processes on this machine, faults and refusals included.
    Demo(cmd::demo::Args),
    /// Print what this build, or one configured link, can interoperate with.
    Interop(cmd::interop::Args),
    /// Say what a code means and what to do about it.
    Explain(cmd::explain::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => cmd::run::run(&args),
        Command::Check(args) => cmd::check::run(&args),
        Command::Status(args) => cmd::send::status(&args),
        Command::Send(args) => cmd::send::run(&args),
        Command::Inbox(args) => cmd::inbox::run(&args),
        Command::Link(args) => cmd::link::run(&args),
        Command::Operations(args) => cmd::operations::run(&args),
        Command::Tail(args) => cmd::tail::run(&args),
        Command::Verify(args) => cmd::verify::run(&args),
        Command::Fsck(args) => cmd::fsck::run(&args),
        Command::Profile(args) => cmd::profile::run(&args),
        Command::Keys(args) => cmd::keys::run(&args),
        Command::Trust(args) => cmd::trust::run(&args),
        Command::Sim(args) => cmd::sim::run(&args),
        Command::Demo(args) => cmd::demo::run(&args),
        Command::Interop(args) => cmd::interop::run(&args),
        Command::Explain(args) => cmd::explain::run(&args),
    };
    result.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(cause) = error.downcast_ref::<std::io::Error>()
        && cause.kind() == std::io::ErrorKind::BrokenPipe
    {
        // Whoever read us has enough.
        return ExitCode::SUCCESS;
    }
    if let Some(fault) = error.downcast_ref::<Fault>() {
        say::error(fault.to_string());
        return ExitCode::from(fault.exit_code());
    }
    say::error(format!("error: {error:#}"));
    ExitCode::from(FAILED)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn every_command_has_help_and_an_example() {
        let cli = super::Cli::command();
        cli.clone().debug_assert();
        fn walk(command: &clap::Command, without: &mut Vec<String>) {
            if command.get_about().is_none() {
                without.push(format!("{}: no words", command.get_name()));
            }
            if !command.has_subcommands() && !command.get_after_help().is_some_and(|help| help.to_string().contains("Example")) {
                without.push(format!("{}: no example", command.get_name()));
            }
            for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
                walk(inner, without);
            }
        }
        let mut without = Vec::new();
        walk(&cli, &mut without);
        assert_eq!(without, Vec::<String>::new());
    }
}
