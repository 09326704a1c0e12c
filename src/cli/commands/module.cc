// holdfast module sign|submit|show|release|withdraw
#include "cli/commands/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "base/file.h"
#include "base/hash.h"
#include "base/plain.h"
#include "cli/commands/groups.h"
#include "cli/evidence/evidence_place.h"
#include "cli/frame/client.h"
#include "cli/frame/passphrase.h"
#include "sealed/formats/module.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string statement, module, key, out, hash;
  std::vector<std::string> parties;  // sign
  ClientOptions client;
};

std::string hex(const Hash& hash) { return to_hex(hash.view()); }

/// Who signed, as far as that can be told: an envelope names keys, and does not hold them.
struct Signers {
  std::vector<std::string> checked, unchecked;
};

/// Errors: invalid "sealed.signature.wrong", when one of `keys` has signed something else.
Result<Signers> signers_of(const sealed::Envelope& envelope, const std::vector<VerifierKey>& keys) {
  HF_TRY(const auto held, envelope.verify(keys));
  Signers out;
  for (const auto& signature : envelope.signatures) {
    const bool known = std::any_of(held.begin(), held.end(),
                                   [&](std::size_t i) { return sealed::key_id_of(keys[i]) == signature.key_id; });
    (known ? out.checked : out.unchecked).push_back(signature.key_id);
  }
  return out;
}

Result<int> sign(const Options& options, bool as_json) {
  const std::string out = options.out.empty() ? options.statement : options.out;
  HF_CHECK(require_output(out, options.parties));
  HF_TRY(StatementFile file, read_statement_file(options.statement));
  HF_TRY(const SigningKey key, load_key(options.key));
  std::vector<VerifierKey> keys{key.verifier()};  // whoever signs again sees whether it is the same statement
  for (const std::string& party : options.parties) {
    HF_TRY(VerifierKey other, read_verifier_key(party));
    keys.push_back(std::move(other));
  }
  HF_CHECK(of_file(signers_of(file.envelope, keys), options.statement));
  file.envelope.sign(key);
  HF_TRY(const Signers signers, signers_of(file.envelope, keys));
  HF_CHECK(write_output(out, file.envelope.encode() + "\n"));
  if (as_json) {
    json::array ids;
    for (const auto& signature : file.envelope.signatures) ids.emplace_back(signature.key_id);
    print_json(json::object{{"file", out},
                            {"module", file.statement.name},
                            {"version", file.statement.version},
                            {"hash", hex(file.statement.module)},
                            {"signatures", std::move(ids)},
                            {"unchecked", json::value_from(signers.unchecked)}});
    return exit_ok;
  }
  print_line(fmt::format("{}: {} version {} ({}), signed by {}", out, file.statement.name, file.statement.version,
                         hex(file.statement.module), fmt::join(signers.checked, ", ")));
  if (!signers.unchecked.empty()) {
    print_line(fmt::format("It bears signatures of {} too; whether they hold was not checked: --party KEY does that",
                           fmt::join(signers.unchecked, ", ")));
  }
  return exit_ok;
}

Result<int> submit(const Options& options, bool as_json) {
  HF_TRY(const StatementFile file, read_statement_file(options.statement));
  HF_TRY(const std::string module, read_input(options.module, sealed::ModuleBounds{}.file_bytes_max));
  if (sha256(module) != file.statement.module) {
    return fail(Code::invalid, "module.hash.other", options.module,
                fmt::format("its SHA-256 is {}, and the statement is about {}; commit to the source again with this "
                            "module",
                            hex(sha256(module)), hex(file.statement.module)));
  }
  HF_TRY(Client client, Client::create(options.client));
  std::string body = fmt::format(R"({{"envelope":{},"module":"{}"}})", file.envelope.encode(), to_base64(module));
  HF_TRY(const auto answer,
         client.call("POST", "/v1/modules", std::move(body), {{"Content-Type", "application/json"}}));
  const std::string hash = hex(file.statement.module);
  if (as_json) {
    print_line(fmt::format(R"({{"module":"{}","version":{},"hash":"{}","receipt":{}}})", file.statement.name,
                           file.statement.version, hash, answer.header("holdfast-receipt")));
  } else {
    print_line(fmt::format("submitted: {} version {}, entry {} of the evidence\nits report: holdfast module show {}",
                           file.statement.name, file.statement.version, answer.header("holdfast-receipt"), hash));
  }
  return exit_ok;
}

/// Without what a terminal would act on: a module names its exports as it likes.
std::string printable(const json::string& text) { return to_plain({text.data(), text.size()}); }

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (!value) return "";
  if (const auto* text = value->if_string()) return printable(*text);
  if (const auto* list = value->if_array()) {
    std::string out;
    for (const json::value& each : *list) {
      out += out.empty() ? "" : ", ";
      out += each.is_string() ? printable(each.get_string()) : json::serialize(each);
    }
    return out.empty() ? "none" : out;
  }
  return json::serialize(*value);
}

const json::object& object_of(const json::object& object, std::string_view name) {
  static const json::object kNone;
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value && value->is_object() ? value->get_object() : kNone;
}

tl::unexpected<Error> unreadable() {
  return fail(Code::corrupt, "cli.answer", "", "the server's answer cannot be read; is this a Holdfast server?");
}

/// What the server answered, if it is an object.
Result<json::object> parse_answer(const std::string& body) {
  json::error_code wrong;
  json::value value = json::parse(body, wrong);
  if (!wrong && value.is_object()) return std::move(value.get_object());
  return unreadable();
}

/// Its state; of a file that was submitted anew while flows run it, that too.
std::string state_of(const json::object& module) {
  std::string out = text_of(module, "state");
  const std::string running = text_of(object_of(module, "in_force"), "version");
  if (!running.empty() && running != text_of(module, "version")) out += fmt::format(", version {} in force", running);
  return out;
}

void print_list(const json::object& answer) {
  const json::value* list = answer.if_contains("modules");
  if (!list || !list->is_array() || list->get_array().empty()) return print_line("no module is submitted");
  for (const json::value& each : list->get_array()) {
    if (!each.is_object()) continue;
    const json::object& module = each.get_object();
    print_line(fmt::format("{} {:16} version {:3} {}", text_of(module, "hash"), text_of(module, "module"),
                           text_of(module, "version"), state_of(module)));
  }
}

void print_report(const json::object& report) {
  const json::object& memory = object_of(report, "memory");
  print_line(fmt::format("\nreport\n  size        {} bytes, {} of them code, {} functions",
                         text_of(report, "size_bytes"), text_of(report, "code_bytes"), text_of(report, "functions")));
  print_line(fmt::format("  imports     {}\n  exports     {}", text_of(report, "imports"), text_of(report, "exports")));
  print_line(fmt::format("  memory      begins with {} bytes, at most {} here", text_of(memory, "begins_bytes"),
                         text_of(memory, "limit_bytes")));
  print_line(fmt::format("  compiled    in a jailed worker, ready after {} ms", text_of(report, "ready_ms")));
  const json::value* runs = report.if_contains("runs");
  if (!runs || !runs->is_array()) return;
  print_line("  runs on records that belong to nobody");
  for (const json::value& each : runs->get_array()) {
    if (!each.is_object()) continue;
    const json::object& run = each.get_object();
    const std::string without = text_of(run, "without_product");
    print_line(fmt::format("    {:12} {:>5} rows {:>9} bytes in {:>7} out {:>8} us  {}{}", text_of(run, "flow"),
                           text_of(run, "rows"), text_of(run, "input_bytes"), text_of(run, "output_bytes"),
                           text_of(run, "took_us"), text_of(run, "ending"),
                           without.empty() ? "" : ", without the product '" + without + "'"));
  }
}

void print_module(const json::object& module) {
  const json::object &said = object_of(object_of(module, "said"), "predicate"), &source = object_of(said, "source"),
                     &submitted = object_of(module, "submitted");
  print_line(fmt::format("{} version {}: {}\nsha256      {}", text_of(module, "module"), text_of(module, "version"),
                         state_of(module), text_of(module, "hash")));
  if (const auto& in_force = object_of(module, "in_force"); !in_force.empty()) {
    print_line(fmt::format("in force    version {} since {}, by statement {}", text_of(in_force, "version"),
                           text_of(in_force, "released"), text_of(in_force, "statement")));
  }
  print_line(fmt::format("submitted   by {} at {}", text_of(submitted, "by"), text_of(submitted, "at")));
  print_line(fmt::format("source      {} files under {}", text_of(source, "files"), text_of(source, "root")));
  print_line(fmt::format("built       by {} with {}; flags: {}", text_of(said, "builder"), text_of(said, "compiler"),
                         text_of(said, "flags")));
  print_line(fmt::format("signed by   {}\nneeds       {}", text_of(module, "signed_by"), text_of(module, "needs")));
  print_line(fmt::format("shown to    {}; the agreement wants {}", text_of(module, "shown_to"),
                         text_of(module, "to_be_shown_to")));
  print_report(object_of(module, "report"));
}

Result<int> show(const Options& options, bool as_json) {
  HF_CHECK(require_output(options.out, files_of(options.client)));
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("GET", options.hash.empty() ? "/v1/modules" : "/v1/modules/" + options.hash));
  HF_TRY(const json::object shown, parse_answer(answer.body));
  if (!options.out.empty()) {
    const json::value* envelope = shown.if_contains("envelope");
    if (!envelope) return unreadable();
    HF_CHECK(write_output(options.out, json::serialize(*envelope) + "\n"));
  }
  if (as_json) {
    print_body(answer.body);
  } else if (options.hash.empty()) {
    print_list(shown);
  } else {
    print_module(shown);
  }
  return exit_ok;
}

Result<int> release(const Options& options, bool as_json) {
  HF_TRY(const StatementFile file, read_statement_file(options.statement));
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("POST", fmt::format("/v1/modules/{}/release", hex(file.statement.module)),
                                        file.envelope.encode(), {{"Content-Type", "application/json"}}));
  if (as_json) {
    print_body(answer.body);
  } else {
    print_line(fmt::format("released: {} version {}, entry {} of the evidence; flows run it from now on",
                           file.statement.name, file.statement.version, answer.header("holdfast-receipt")));
  }
  return exit_ok;
}

Result<int> withdraw(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("DELETE", "/v1/modules/" + options.hash));
  if (as_json) {
    print_body(answer.body);
  } else {
    print_line(fmt::format("withdrawn: entry {} of the evidence; no flow runs it, and its statement is used up",
                           answer.header("holdfast-receipt")));
  }
  return exit_ok;
}

}  // namespace

Result<StatementFile> read_statement_file(const std::string& path) {
  HF_TRY(const std::string text, read_input(path, sealed::kEnvelopeBytesMax));
  StatementFile out;
  HF_TRY(out.envelope, of_file(sealed::Envelope::parse(text), path));
  HF_TRY(out.statement, of_file(sealed::parse_statement(out.envelope.payload), path));
  return out;
}

void add_module(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* group = add_group(program, "module", "Commit to, submit, show, sign, release and withdraw sealed modules");
  const auto add_statement = [&](CLI::App* command) {
    command->add_option("STATEMENT", options->statement, "Its statement, as commit-source, sign or show wrote it")
        ->required();
    return command;
  };
  add_module_source(*group, session);

  CLI::App* signing = add_statement(
      add_command(*group, session, "sign", "Sign a module's statement; needs no server, adds to the signatures it has",
                  "  holdfast module sign ranker.statement --key bytedance.key\n"
                  "  holdfast module sign ranker.statement --key treasury.key --party bytedance.vkey -o ranker.signed",
                  [&session, options] { return sign(*options, session.json); }));
  signing->add_option("--key,-k", options->key, "The signer's private key file")->required();
  signing
      ->add_option("--party", options->parties,
                   "Public key of one who signed before, a file or the key itself: refuse if it signed something else")
      ->allow_extra_args(false);
  signing->add_option("--output,-o", options->out, "Where to write it (default: STATEMENT itself)");

  CLI::App* submitting = add_statement(
      add_command(*group, session, "submit", "Send a module to the trustee, which reads, compiles and tries it",
                  "  holdfast module submit ranker.statement ranker.wasm --as bytedance\n"
                  "  holdfast module submit ranker.statement ranker.wasm --as bytedance --json | jq -r .hash",
                  [&session, options] { return submit(*options, session.json); }));
  submitting->add_option("MODULE", options->module, "The WebAssembly file")->required();
  add_client_options(*submitting, options->client);

  CLI::App* showing = add_command(*group, session, "show",
                                  "List modules, or show one: statement, signatures, report; puts that on record",
                                  "  holdfast module show --as treasury\n"
                                  "  holdfast module show 5f0c…a1 --as treasury -o ranker.statement     # to sign it",
                                  [&session, options] { return show(*options, session.json); });
  auto* one = showing->add_option("HASH", options->hash, "SHA-256 of its file; without it, all are listed");
  showing->add_option("--output,-o", options->out, "Write its statement here")->needs(one);
  add_client_options(*showing, options->client);

  CLI::App* releasing =
      add_statement(add_command(*group, session, "release", "Have flows run a module that those have signed who must",
                                "  holdfast module release ranker.statement --as bytedance\n"
                                "  holdfast module release ranker.signed --as oracle --json",
                                [&session, options] { return release(*options, session.json); }));
  add_client_options(*releasing, options->client);

  CLI::App* withdrawing = add_command(*group, session, "withdraw",
                                      "Have no flow run a module any more; its statement releases nothing again",
                                      "  holdfast module withdraw 5f0c…a1 --as treasury\n"
                                      "  holdfast module withdraw 5f0c…a1 --as oracle --json",
                                      [&session, options] { return withdraw(*options, session.json); });
  withdrawing->add_option("HASH", options->hash, "SHA-256 of its file")->required();
  add_client_options(*withdrawing, options->client);
  add_module_log(*group, session);
}

}  // namespace holdfast::cli
