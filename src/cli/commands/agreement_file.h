#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "base/note.h"
#include "base/result.h"

namespace holdfast::cli {

/// An agreement as it lies in a file: a signed note, or the bare document.
struct AgreementFile {
  std::string path;
  Note note;                                     ///< of the bare document: without signatures
  agreement::Checked checked;                    ///< of its text, findings and all
  std::vector<agreement::PartyIndex> signed_by;  ///< of the plan, or of the broken one
};

/// Reads and checks it; `rules` is the folder of the rule packs. That a document has findings is no error.
/// Errors: of read_file; invalid "note.signature.wrong": a party's signature is under it that does not belong to it.
Result<AgreementFile> read_agreement(const std::string& path, const std::string& rules);

/// The first finding of a file that has some as an error, in its place of the file; it says how many more there are.
Error first_finding(const AgreementFile& file);

/// --rules, of every command that reads an agreement.
void add_rules_option(CLI::App& command, std::string& folder);

}  // namespace holdfast::cli
