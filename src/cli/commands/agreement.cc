// holdfast agreement check|sign|show|adopt
#include "agreement/agreement.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <iterator>
#include <memory>

#include "analysis/lint.h"
#include "analysis/reach.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/plain.h"
#include "cli/commands/agreement_file.h"
#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/passphrase.h"
#include "page/agreement_sheet.h"
#include "server/rules_folder.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;
using agreement::Plan;

json::array rules_as_json(const std::vector<agreement::RuleStanding>& rules, const Plan* plan) {
  json::array out;
  for (const auto& rule : rules) {
    json::object one{{"pack", rule.pack},
                     {"rule", rule.rule},
                     {"cite", rule.cite},
                     {"says", rule.says},
                     {"holds", std::string(agreement::to_string(rule.stands))}};
    if (rule.from_memory) one["basis"] = "memory";
    json::array limits;
    for (const auto limit : plan ? rule.limits : std::vector<agreement::LimitIndex>()) {
      limits.emplace_back(plan->limits[limit].name);
    }
    if (!limits.empty()) one["limits"] = std::move(limits);
    out.push_back(std::move(one));
  }
  return out;
}

/// A line for each rule of the packs adopted: holds always, because of a limit, or is broken.
void print_rules(const std::vector<agreement::RuleStanding>& rules) {
  for (const auto& rule : rules) {
    std::string_view stands = "broken, see above";
    if (rule.stands == agreement::RuleStanding::Stands::always) stands = "holds always";
    if (rule.stands == agreement::RuleStanding::Stands::limited) stands = "holds because of a limit";
    print_line(fmt::format("  {:12} {:24} {} ({}{})", rule.rule, stands, rule.pack, rule.cite,
                           rule.from_memory ? "; from memory" : ""));
  }
}

Result<int> report_findings(const std::string& path, const agreement::Checked& checked, bool as_json) {
  const auto& findings = checked.findings;
  if (as_json) {
    json::array list;
    for (const auto& finding : findings) {
      list.push_back(json::object{{"code", std::string(finding.slug)},
                                  {"line", finding.line},
                                  {"column", finding.column},
                                  {"detail", finding.message}});
    }
    print_json(json::object{{"ok", false},
                            {"file", path},
                            {"findings", std::move(list)},
                            {"rules", rules_as_json(checked.rules, nullptr)}});
    return exit_error;
  }
  for (const auto& finding : findings) print_line(path + ":" + finding.text());
  print_rules(checked.rules);
  print_line(fmt::format("{}: {} to mend; nobody should sign this yet", path,
                         findings.size() == 1 ? "one thing" : fmt::format("{} things", findings.size())));
  return exit_error;
}

/// What is allowed but most likely not meant: with --strict it fails.
Result<int> report_lint(const std::string& path, const agreement::PlanPtr& plan, bool as_json) {
  const auto findings = analysis::lint(analysis::analyse(plan));
  if (!findings.empty()) return report_findings(path, {nullptr, findings, nullptr, {}}, as_json);
  if (!as_json) print_line(path + ": nothing idle, repeated or unused, and nothing that identifies when put together");
  return exit_ok;
}

Result<int> check(const std::string& path, const std::string& rules, bool strict, bool as_json) {
  HF_TRY(const AgreementFile file, read_agreement(path, rules));
  const agreement::Checked& checked = file.checked;
  if (!checked.plan) return report_findings(path, checked, as_json);
  const Plan& plan = *checked.plan;
  if (strict) {
    HF_TRY(const int code, report_lint(path, checked.plan, as_json));
    if (code != exit_ok) return code;
  }
  if (as_json) {
    print_json(json::object{{"ok", true},
                            {"file", path},
                            {"agreement", plan.agreement},
                            {"version", plan.version},
                            {"sha256", to_hex(plan.hash.view())},
                            {"parties", plan.parties.size()},
                            {"collections", plan.collections.size()},
                            {"flows", plan.flows.size()},
                            {"limits", plan.limits.size()},
                            {"rules", rules_as_json(checked.rules, &plan)}});
    return exit_ok;
  }
  print_line(fmt::format("{}: agreement {} version {} holds: {}, {}, {}, {}; no flow breaks a prohibition", path,
                         plan.agreement, plan.version, counted(plan.parties.size(), "party", "parties"),
                         counted(plan.collections.size(), "collection", "collections"),
                         counted(plan.flows.size(), "flow", "flows"), counted(plan.limits.size(), "limit", "limits")));
  print_rules(checked.rules);
  return exit_ok;
}

std::vector<std::string> names_of(const Plan& plan, const std::vector<agreement::PartyIndex>& parties) {
  std::vector<std::string> out;
  for (const auto party : parties) out.push_back(plan.parties[party].name);
  return out;
}

/// Those that `out` has already, so that two who sign one document do not undo each other.
Result<void> take_signatures(const std::string& out, Note& note) {
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(out, unknown) || std::filesystem::file_size(out, unknown) == 0) return {};
  HF_TRY(const std::string there, read_file(out));
  const auto known = Note::parse(there);
  if (!known || known->text != note.text) {
    return fail(Code::conflict, "cli.agreement.other", out,
                "another document is there; name another file with -o, or remove it");
  }
  for (const NoteSignature& signature : known->signatures) {
    if (std::ranges::find(note.signatures, signature) == note.signatures.end()) note.signatures.push_back(signature);
  }
  return {};
}

/// Signs a document that checks, and no other; adds to the signatures that a note already has.
Result<int> sign(const std::string& path, const std::string& rules, const std::string& key_path, std::string out,
                 bool as_json) {
  HF_TRY(AgreementFile file, read_agreement(path, rules));
  const agreement::PlanPtr& plan = file.checked.plan;
  if (!plan) return tl::unexpected(first_finding(file));
  if (out.empty()) out = path.ends_with(".signed") ? path : path + ".signed";
  HF_CHECK(require_output(out));
  HF_TRY(const SigningKey key, load_key(key_path));
  std::string party;
  for (const auto& each : plan->parties) {
    if (each.key && *each.key == key.verifier()) party = each.name;
  }
  if (party.empty()) {
    return fail(Code::invalid, "cli.agreement.signer", key_path,
                fmt::format("no party of this agreement has the key {}, so its signature would count for nothing; put "
                            "it under parties, or take another key",
                            key.verifier().text()));
  }
  Note& note = file.note;
  HF_CHECK(take_signatures(out, note));
  note.sign(key);
  HF_CHECK(write_output(out, note.encode()));
  HF_TRY(const auto signers, agreement::signers(*plan, note));
  const bool enough = agreement::check_quorum(*plan, *plan, note).has_value();
  if (as_json) {
    print_json(json::object{{"file", out},
                            {"party", party},
                            {"signed_by", json::value_from(names_of(*plan, signers))},
                            {"quorum", enough}});
    return exit_ok;
  }
  print_line(fmt::format("{}: signed by {}; that makes {}, and those who must sign are {}", out, party,
                         fmt::join(names_of(*plan, signers), ", "),
                         agreement::describe(*plan, plan->change_agreement)));
  if (enough) print_line("All who must sign have signed. Next: holdfast agreement adopt " + out);
  return exit_ok;
}

std::string kind_of(const agreement::Flow& flow) {
  switch (flow.kind) {
    case agreement::Flow::Kind::gives:
      return flow.gives_json;
    case agreement::Flow::Kind::run:
      return "what module " + flow.module + " makes of what it reads" + (flow.with ? " and of " + *flow.with : "");
    case agreement::Flow::Kind::aggregate:
      break;
  }
  return "sums over " + flow.aggregate->text();
}

void show_as_text(const Plan& plan, const std::vector<std::string>& signers) {
  print_line(
      fmt::format("agreement {} version {}, subjects in {}", plan.agreement, plan.version, plan.subjects_country));
  print_line("sha256    " + to_hex(plan.hash.view()));
  print_line("signed by " + (signers.empty() ? "nobody" : fmt::format("{}", fmt::join(signers, ", "))));
  print_line("\nparties");
  for (const auto& party : plan.parties) {
    print_line(fmt::format("  {:16} {:10} {}", party.name, agreement::to_string(party.role),
                           fmt::join(party.countries, ", ")));
  }
  print_line("\ncollections");
  for (const auto& collection : plan.collections) {
    print_line(fmt::format("  {:16} {}, kept {}, {}", collection.name,
                           counted(collection.fields.size(), "field", "fields"),
                           counted(static_cast<std::uint64_t>(collection.keep.count() / 86400), "day", "days"),
                           collection.key ? "many a subject by " + *collection.key : "one a subject"));
  }
  print_line("\nflows");
  for (const auto& flow : plan.flows) {
    const std::string whom = flow.makes        ? "makes " + *flow.makes + ", which stays with "
                             : flow.to_subject ? "to the subject via "
                                               : "to ";
    print_line(
        fmt::format("  {:16} {}{} for {}: {}", flow.name, whom, plan.parties[flow.to].name, flow.use, kind_of(flow)));
    for (const auto limit : flow.limits) {
      print_line(fmt::format("  {:16}   at most {} ({})", "", plan.limits[limit].text, plan.limits[limit].name));
    }
    if (flow.size_max_bytes) {
      print_line(fmt::format("  {:16}   at most {} a release", "", counted(*flow.size_max_bytes, "byte", "bytes")));
    }
  }
  print_line("\nwho must sign");
  for (const auto& rule : agreement::change_rules(plan)) print_line(fmt::format("  {:16} {}", rule.what, rule.needs()));
}

json::object changes_as_json(const Plan& plan) {
  json::object out;
  const auto add = [&](const char* name, const std::optional<agreement::Quorum>& quorum, json::object more) {
    if (!quorum) return;
    if (quorum->all.empty()) {
      more["any"] = quorum->any;
    } else {
      more["signed_by"] = json::value_from(names_of(plan, quorum->all));
    }
    out[name] = std::move(more);
  };
  add("agreement", plan.change_agreement, {});
  add("module", plan.change_module, {{"seen_by", json::value_from(names_of(plan, plan.module_seen_by))}});
  add("emergency", plan.change_emergency, {{"at_most_s", plan.emergency_at_most.count()}});
  add("suspend", plan.change_suspend, {});
  return out;
}

void show_as_json(const Plan& plan, const std::vector<std::string>& signers) {
  json::array parties, collections, flows;
  for (const auto& party : plan.parties) {
    json::object one{{"name", party.name},
                     {"role", std::string(agreement::to_string(party.role))},
                     {"countries", json::value_from(party.countries)}};
    if (party.key) one["key"] = party.key->text();
    parties.push_back(std::move(one));
  }
  for (const auto& collection : plan.collections) {
    json::object fields;
    for (const auto& field : collection.fields) {
      fields[field.name] =
          json::object{{"type", std::string(agreement::to_string(field.type))}, {"category", field.category}};
    }
    json::object one{{"name", collection.name},
                     {"keep_s", collection.keep.count()},
                     {"from", json::value_from(names_of(plan, collection.depositors))},
                     {"fields", std::move(fields)}};
    if (collection.key) one["key"] = *collection.key;
    collections.push_back(std::move(one));
  }
  for (const auto& flow : plan.flows) {
    json::array limits;
    for (const auto limit : flow.limits) limits.emplace_back(plan.limits[limit].text);
    json::object one{
        {"name", flow.name}, {"to", plan.parties[flow.to].name}, {"use", flow.use}, {"limits", std::move(limits)}};
    if (flow.kind == agreement::Flow::Kind::gives) one["gives"] = json::parse(flow.gives_json);
    if (flow.kind == agreement::Flow::Kind::run) one["run"] = flow.module;
    if (flow.aggregate) one["aggregate"] = flow.aggregate->text();
    if (flow.size_max_bytes) one["release_bytes_max"] = *flow.size_max_bytes;
    if (flow.makes) one["makes"] = *flow.makes;
    if (flow.with) one["with"] = *flow.with;
    if (flow.to_subject) one["to_subject"] = true;
    flows.push_back(std::move(one));
  }
  print_json(json::object{{"agreement", plan.agreement},
                          {"version", plan.version},
                          {"sha256", to_hex(plan.hash.view())},
                          {"signed_by", json::value_from(signers)},
                          {"parties", std::move(parties)},
                          {"collections", std::move(collections)},
                          {"flows", std::move(flows)},
                          {"changes", changes_as_json(plan)}});
}

/// The agreement's own and those of the rule packs that it adopts.
std::vector<std::string> files_read(const std::string& path, const std::string& rules, const Plan& plan) {
  std::vector<std::string> out{path};
  for (const agreement::AdoptedPack& pack : plan.packs) {
    out.push_back(fmt::format("{}/{}.yaml", rules, pack.reference()));
    out.push_back(fmt::format("{}/{}.yaml", rules, pack.name));
  }
  return out;
}

/// How `show` shows.
struct Shown {
  bool html = false, svg = false, markdown = false;
  std::string out;
};

Result<int> show(const std::string& path, const Shown& as, const std::string& rules, bool as_json) {
  HF_TRY(const AgreementFile file, read_agreement(path, rules));
  const agreement::PlanPtr& plan = file.checked.plan;
  if (!plan) return report_findings(path, file.checked, as_json);
  if (as.html || as.svg || as.markdown) {
    HF_CHECK(require_output(as.out, files_read(path, rules, *plan)));
    const page::Sheet sheet = page::make_sheet(plan, file.signed_by);
    const std::string text = as.html  ? page::agreement_page(sheet, file.note.text)
                             : as.svg ? page::agreement_map(sheet, false)
                                      : page::agreement_markdown(sheet);
    if (!as.out.empty()) HF_CHECK(write_output(as.out, text));
    if (as.out.empty()) print_text(text);
    return exit_ok;
  }
  const auto names = names_of(*plan, file.signed_by);
  as_json ? show_as_json(*plan, names) : show_as_text(*plan, names);
  return exit_ok;
}

/// A document without signatures is what people bring by mistake, and no server need say so.
Result<void> require_signed(const std::string& path, const std::string& bytes) {
  const auto note = Note::parse(bytes);
  if (note) return {};
  const bool has_signatures = bytes.find("\n\u2014 ") != std::string::npos;
  return fail(Code::invalid, "cli.agreement.unsigned", path,
              has_signatures ? "its signatures cannot be read: " + note.error().what
                             : fmt::format("it is not signed; whoever must sign it does so with: holdfast agreement "
                                           "sign {} --key KEY",
                                           path));
}

Result<int> adopt(const std::string& path, const ClientOptions& options, bool as_json) {
  HF_TRY(std::string note, read_input(path, kNoteBytesMax));
  HF_CHECK(require_signed(path, note));
  HF_TRY(Client client, Client::create(options));
  HF_TRY(const auto answer, client.call("POST", "/v1/agreement", std::move(note), {{"Content-Type", "text/plain"}}));
  if (as_json) {
    print_body(answer.body);
  } else {
    print_line(fmt::format("adopted: entry {} of the evidence", answer.header("holdfast-receipt")));
  }
  return exit_ok;
}

}  // namespace

void add_agreement(CLI::App& program, Session& session) {
  struct Options {
    std::string file, key, out, rules{server::kRulesFolder};
    bool strict = false;
    Shown shown;
    ClientOptions client;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* group = add_group(program, "agreement", "Check, sign, show and adopt agreements");
  const auto add_file = [&](CLI::App* command, const char* what) {
    command->add_option("FILE", options->file, what)->required();
    return command;
  };

  CLI::App* checking = add_file(
      add_command(*group, session, "check", "Say everything that is wrong with an agreement, with line and column",
                  "  holdfast agreement check agreement.yaml --strict\n"
                  "  holdfast agreement check agreement.yaml --json | jq '.findings[].detail'",
                  [&session, options] { return check(options->file, options->rules, options->strict, session.json); }),
      "An agreement, signed or not");
  add_rules_option(*checking, options->rules);
  checking->add_flag("--strict", options->strict,
                     "Fail also on what is allowed but most likely not meant: flows that are never needed, limits that "
                     "never bind, fields that no flow uses, forms that identify when put together");
  add_agreement_ask(*group, session);

  CLI::App* signing =
      add_file(add_command(*group, session, "sign", "Sign an agreement that checks; adds to the signatures it has",
                           "  holdfast agreement sign agreement.yaml --key treasury.key -o agreement.signed\n"
                           "  holdfast agreement sign agreement.signed --key oracle.key",
                           [&session, options] {
                             return sign(options->file, options->rules, options->key, options->out, session.json);
                           }),
               "The agreement, or one that others signed already");
  add_rules_option(*signing, options->rules);
  signing->add_option("--key,-k", options->key, "The signer's private key file")->required();
  signing->add_option("--output,-o", options->out, "Where to write it (default: FILE.signed, or a signed FILE itself)");

  CLI::App* showing = add_file(
      add_command(*group, session, "show", "What an agreement says: parties, collections, flows, who signed",
                  "  holdfast agreement show agreement.yaml --html -o agreement.html   # to print and sign\n"
                  "  holdfast agreement show agreement.yaml --json | jq '.flows[] | {name, to, gives}'",
                  [&session, options] { return show(options->file, options->shown, options->rules, session.json); }),
      "An agreement, signed or not");
  add_rules_option(*showing, options->rules);
  CLI::Option* html = showing->add_flag("--html", options->shown.html, "As a page to read, print and sign");
  CLI::Option* svg = showing->add_flag("--svg", options->shown.svg, "As a map of parties and flows")->excludes(html);
  showing->add_flag("--md", options->shown.markdown, "As Markdown, for a review")->excludes(html)->excludes(svg);
  showing->add_option("--output,-o", options->shown.out, "Where to write a page (default: standard output)");

  CLI::App* adopting = add_file(
      add_command(*group, session, "adopt", "Bring a signed agreement into force on the server",
                  "  holdfast agreement adopt agreement.signed --as oracle\n"
                  "  holdfast agreement adopt agreement.signed --server https://hf.example:8443 --cert oracle.crt "
                  "--key oracle.key --ca ca.crt",
                  [&session, options] { return adopt(options->file, options->client, session.json); }),
      "The signed agreement");
  add_client_options(*adopting, options->client);
}

}  // namespace holdfast::cli
