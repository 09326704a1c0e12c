#pragma once

#include <string>

#include "base/result.h"
#include "cli/frame/command.h"
#include "sealed/provenance/statement.h"

namespace holdfast::cli {

/// A module's statement in its envelope, signed or not.
struct StatementFile {
  sealed::Envelope envelope;
  sealed::ModuleStatement statement;
};
/// Errors: those of read_file, Envelope::parse and parse_statement, with the file as their place.
Result<StatementFile> read_statement_file(const std::string& path);

/// commit-source, open-file and reproduce, of the group `module`.
void add_module_source(CLI::App& group, Session& session);
/// log, of the same.
void add_module_log(CLI::App& group, Session& session);

}  // namespace holdfast::cli
