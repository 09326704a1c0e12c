#include "cli/commands/agreement_file.h"

#include <fmt/format.h>

#include "base/file.h"
#include "server/rules_folder.h"

namespace holdfast::cli {

Result<AgreementFile> read_agreement(const std::string& path, const std::string& rules) {
  HF_TRY(std::string bytes, read_input(path, kNoteBytesMax));
  AgreementFile out{path, {}, {}, {}};
  // Bytes that cannot be a note (CRLF, say) are taken for a document, so that they get findings, with their places.
  if (auto note = Note::parse(bytes)) {
    out.note = *std::move(note);
  } else {
    out.note.text = std::move(bytes);
  }
  out.checked = agreement::check(out.note.text, server::packs_in(rules));
  const agreement::PlanPtr& plan = out.checked.plan ? out.checked.plan : out.checked.broken;
  if (!plan) return out;  // it names no keys that could be relied on
  auto signed_by = agreement::signers(*plan, out.note);
  if (!signed_by) {
    Error error = std::move(signed_by).error();
    error.code = Code::invalid;  // the file is the caller's
    error.where = fmt::format("{}: {}", path, error.where);
    return tl::unexpected(std::move(error));
  }
  out.signed_by = *std::move(signed_by);
  return out;
}

Error first_finding(const AgreementFile& file) {
  const auto& findings = file.checked.findings;
  HF_ASSERT(!findings.empty());
  const agreement::Finding& first = findings.front();
  std::string what = first.message;
  if (findings.size() > 1) {
    what += fmt::format("; and {} more, which holdfast agreement check {} tells",
                        findings.size() == 2 ? "one" : std::to_string(findings.size() - 1), file.path);
  }
  return {Code::invalid, first.slug, fmt::format("{}:{}:{}", file.path, first.line, first.column), std::move(what)};
}

void add_rules_option(CLI::App& command, std::string& folder) {
  command.add_option("--rules", folder, "Folder of the rule packs that it may adopt")->capture_default_str();
}

}  // namespace holdfast::cli
