#pragma once

#include "cli/frame/command.h"

namespace holdfast::cli {

/// The groups of commands, a file each: each declares its own under `program`.
void add_init(CLI::App& program, Session& session);
void add_serve(CLI::App& program, Session& session);
void add_import(CLI::App& program, Session& session);
void add_get(CLI::App& program, Session& session);
void add_subject(CLI::App& program, Session& session);
void add_verify(CLI::App& program, Session& session);
void add_report(CLI::App& program, Session& session);
void add_log(CLI::App& program, Session& session);
void add_agreement(CLI::App& program, Session& session);
void add_agreement_ask(CLI::App& group, Session& session);  ///< ask and diff, of the group `agreement`
void add_module(CLI::App& program, Session& session);
void add_key(CLI::App& program, Session& session);
void add_backup(CLI::App& program, Session& session);
void add_status(CLI::App& program, Session& session);
void add_job(CLI::App& program, Session& session);
void add_doctor(CLI::App& program, Session& session);
void add_completion(CLI::App& program, Session& session);
void add_manual(CLI::App& program, Session& session);

}  // namespace holdfast::cli
