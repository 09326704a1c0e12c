// holdfast module commit-source|open-file|reproduce
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <boost/json.hpp>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/hash.h"
#include "cli/commands/module.h"
#include "cli/commands/source_folder.h"
#include "sealed/formats/module.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Options {
  std::string source, secret, module, name, builder, compiler, out, statement;
  std::vector<std::string> flags;
  std::uint32_t number = 1;
  std::string path, check, content;  // open-file
  std::string build, built;          // reproduce
  bool force = false;                // commit-source
};

std::string hex(const Hash& hash) { return to_hex(hash.view()); }

/// "src.secret", beside the folder.
std::string secret_of(const Options& options) {
  if (!options.secret.empty()) return options.secret;
  std::string folder = options.source;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder + ".secret";
}

Result<sealed::SourceTree> tree_of(const std::string& source, const Key256& secret) {
  HF_TRY(auto files, read_source_folder(source));
  return sealed::SourceTree::create(std::move(files), secret);
}

/// The statement of `options.module` over `commitment`, not signed yet.
Result<sealed::Envelope> state(const Options& options, const sealed::SourceCommitment& commitment) {
  HF_TRY(const std::string file, read_input(options.module, sealed::ModuleBounds{}.file_bytes_max));
  auto report = sealed::read_module(file);  // better told here than when it is submitted
  if (!report) {
    report.error().where = options.module + (report.error().where.empty() ? "" : ": " + report.error().where);
    return tl::unexpected<Error>(std::move(report).error());
  }
  sealed::ModuleStatement statement{options.name,    report->hash,     options.number, commitment,
                                    options.builder, options.compiler, options.flags};
  HF_TRY(std::string payload, to_json(statement));
  return sealed::Envelope{std::move(payload), {}};
}

/// A statement that is there may bear signatures, which nobody but their signers can make again.
Result<void> require_free(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return {};
  return fail(Code::conflict, "cli.file.exists", path,
              "there is a file already, a statement with signatures perhaps; name another with -o, or give --force");
}

Result<int> commit(const Options& options, bool as_json) {
  bool made = false;
  const std::string out = options.out.empty() ? options.name + ".statement" : options.out;
  const std::string secret_file = secret_of(options);
  if (!options.module.empty()) HF_CHECK(require_output(out, {options.module, secret_file}));
  if (!options.module.empty() && !options.force) HF_CHECK(require_free(out));
  HF_TRY(const Key256 secret, ensure_source_secret(secret_file, options.source, made));
  HF_TRY(const auto tree, tree_of(options.source, secret));
  const sealed::SourceCommitment commitment = tree.commitment();
  if (!options.module.empty()) {
    HF_TRY(const sealed::Envelope envelope, state(options, commitment));
    HF_CHECK(write_output(out, envelope.encode() + "\n"));
  }
  if (as_json) {
    json::object object{
        {"root", hex(commitment.root)}, {"files", commitment.files}, {"secret", secret_file}, {"secret_made", made}};
    if (!options.module.empty()) object["statement"] = out;
    print_json(object);
    return exit_ok;
  }
  print_line(fmt::format("root    {}\nfiles   {}\nsecret  {} ({}; keep it: without it no file can be opened)",
                         hex(commitment.root), commitment.files, secret_file, made ? "made now" : "as it was there"));
  if (!options.module.empty()) print_line(fmt::format("statement {}; next: holdfast module sign {}", out, out));
  return exit_ok;
}

Result<int> open_file(const Options& options, bool as_json) {
  const std::string out = options.out.empty() ? fs::path(options.path).filename().string() + ".opening" : options.out;
  HF_CHECK(require_output(out, {secret_of(options), fs::path(options.source) / options.path}));
  HF_TRY(const Key256 secret, load_source_secret(secret_of(options)));
  HF_TRY(const auto tree, tree_of(options.source, secret));
  HF_TRY(const sealed::SourceOpening opening, tree.open(options.path));
  HF_CHECK(write_output(out, to_json(opening) + "\n"));
  const std::string root = hex(tree.commitment().root);
  if (as_json) {
    print_json(json::object{{"file", out}, {"path", options.path}, {"root", root}});
  } else {
    print_line(fmt::format("{}: opens {} of the source under {}, and no other; hand it over with the file itself", out,
                           options.path, root));
  }
  return exit_ok;
}

/// What a reviewer does with an opening: does it belong to the source that the statement names, and is this the file?
Result<int> check_file(const Options& options, bool as_json) {
  HF_TRY(const std::string text, read_input(options.check, 1u << 20));
  HF_TRY(const sealed::SourceOpening opening, sealed::parse_opening(text));
  HF_TRY(const StatementFile statement, read_statement_file(options.statement));
  HF_CHECK(sealed::check_opening(opening, statement.statement.source));
  const bool link = opening.file.kind == sealed::SourceKind::link;
  if (!options.content.empty()) {
    HF_TRY(const std::string content, read_input(options.content, 1u << 30));
    if (sha256(content) != opening.file.content) {
      return fail(Code::invalid, "cli.source.content", options.content,
                  "this is not the file that was committed to: its SHA-256 is another");
    }
  }
  if (as_json) {
    print_json(json::object{{"ok", true},
                            {"path", opening.file.path},
                            {"sha256", hex(opening.file.content)},
                            {"root", hex(statement.statement.source.root)},
                            {"content_checked", !options.content.empty()}});
    return exit_ok;
  }
  print_line(fmt::format("{} belongs to the source of {} version {}; {} is {}{}", opening.file.path,
                         statement.statement.name, statement.statement.version,
                         link ? "SHA-256 of where it leads" : "its SHA-256", hex(opening.file.content),
                         options.content.empty() ? "" : ", which " + options.content + " has"));
  return exit_ok;
}

/// A copy of the source that goes when it is dropped.
class Scratch {
 public:
  static Result<Scratch> copy_of(const std::string& source) {
    std::error_code wrong;
    std::string name = (fs::temp_directory_path(wrong) / "holdfast-build-XXXXXX").string();
    if (wrong || !::mkdtemp(name.data())) return fail(Code::unavailable, "file.write", name, "cannot be made");
    Scratch out(name);
    fs::copy(source, out.source(), fs::copy_options::recursive | fs::copy_options::copy_symlinks, wrong);
    if (wrong) return fail(Code::unavailable, "file.write", out.source(), "cannot be copied to: " + wrong.message());
    return out;
  }
  Scratch(Scratch&& from) noexcept : path_(std::exchange(from.path_, {})) {}
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  std::string source() const { return path_ + "/source"; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Runs the auditor's own command there; what it prints goes to standard error.
Result<void> build(const std::string& folder, const std::string& command) {
  const std::string line = "cd '" + folder + "' && { " + command + "\n} >&2";
  const int status = std::system(line.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Code::invalid, "cli.reproduce.build", command, "the build failed; what it said is above");
}

/// What an auditor found.
struct Comparison {
  Hash source, module;       ///< as found and as built
  bool same_source = false;  ///< else nothing was built: it would prove nothing
  bool built = false;        ///< the build made the file
  bool same_module = false;
  bool same() const { return same_source && same_module; }
};

json::object to_json(const Comparison& found, const sealed::ModuleStatement& statement) {
  const json::value built = found.built ? json::value(hex(found.module)) : json::value(nullptr);
  return {{"ok", found.same()},
          {"source",
           json::object{
               {"same", found.same_source}, {"committed", hex(statement.source.root)}, {"found", hex(found.source)}}},
          {"module", json::object{{"same", found.same_module}, {"stated", hex(statement.module)}, {"built", built}}}};
}

void print_comparison(const Options& options, const Comparison& found, const sealed::ModuleStatement& statement) {
  print_line(fmt::format(
      "source  {}  {}", hex(found.source),
      found.same_source ? "is what was committed to" : "is NOT what was committed to, " + hex(statement.source.root)));
  if (!found.same_source) return print_line("module  not built: of another source it would prove nothing");
  if (!found.built) return print_line(fmt::format("module  NOT built: the command made no {}", options.built));
  print_line(
      fmt::format("module  {}  {}", hex(found.module),
                  found.same_module ? "is what was stated" : "is NOT what was stated, " + hex(statement.module)));
}

/// Builds in a copy of the source, and looks at what came of it.
Result<void> build_anew(const Options& options, const sealed::ModuleStatement& statement, Comparison& found) {
  HF_TRY(const Scratch scratch, Scratch::copy_of(options.source));
  HF_CHECK(build(scratch.source(), options.build));
  const auto built = read_file(scratch.source() + "/" + options.built);
  if (!built && built.error().code == Code::not_found) return {};
  HF_CHECK(built);
  found.built = true;
  found.module = sha256(*built);
  found.same_module = found.module == statement.module;
  return {};
}

Result<int> reproduce(const Options& options, bool as_json) {
  HF_TRY(const StatementFile file, read_statement_file(options.statement));
  const sealed::ModuleStatement& statement = file.statement;
  HF_TRY(const Key256 secret, load_source_secret(secret_of(options)));
  HF_TRY(const auto tree, tree_of(options.source, secret));
  Comparison found;
  found.source = tree.commitment().root;
  found.same_source = tree.commitment() == statement.source;
  // A build runs what stands in the source: only what was committed to gets to.
  if (found.same_source) HF_CHECK(build_anew(options, statement, found));
  as_json ? print_json(to_json(found, statement)) : print_comparison(options, found, statement);
  return found.same() ? exit_ok : exit_error;
}

void add_source_options(CLI::App& command, Options& options) {
  command.add_option("--secret", options.secret, "The source's secret (default: FOLDER.secret)");
}

}  // namespace

void add_module_source(CLI::App& group, Session& session) {
  const auto options = std::make_shared<Options>();

  CLI::App* committing = add_command(
      group, session, "commit-source", "Promise which source a module is made of, without showing it",
      "  holdfast module commit-source ranker/\n"
      "  holdfast module commit-source ranker/ --module ranker.wasm --name feed-ranker --number 1 --builder 'acme, "
      "room 3' --compiler 'clang 14.0.6' --flag=-O3",
      [&session, options] { return commit(*options, session.json); });
  committing->add_option("FOLDER", options->source, "Everything in it is source, but folders named .git")->required();
  add_source_options(*committing, *options);
  auto* module = committing->add_option("--module", options->module, "Make a statement of this WebAssembly file");
  committing->add_option("--name", options->name, "What flows call the module, as in their 'run'")->needs(module);
  committing->add_option("--number", options->number, "Which version of the name this is; ever higher")
      ->needs(module)
      ->check(CLI::Range(1u, 4'000'000'000u))
      ->capture_default_str();
  committing->add_option("--builder", options->builder, "Who built it, and where")->needs(module);
  committing->add_option("--compiler", options->compiler, "What compiled it")->needs(module);
  committing->add_option("--flag", options->flags, "What the compiler was given; may be repeated, as --flag=-O3")
      ->allow_extra_args(false)
      ->needs(module);
  committing->add_option("--output,-o", options->out, "Where to write the statement (default: NAME.statement)")
      ->needs(module);
  committing->add_flag("--force", options->force, "Replace a statement that is there, and the signatures under it")
      ->needs(module);
  committing->parse_complete_callback([options] {
    if (options->module.empty()) return;
    if (options->name.empty() || options->builder.empty() || options->compiler.empty()) {
      throw CLI::ValidationError("with --module give --name, --builder and --compiler too");
    }
  });

  CLI::App* opening = add_command(
      group, session, "open-file", "Prove that one file belongs to the committed source; or check such a proof",
      "  holdfast module open-file net/client.cc --source ranker/ -o client.opening\n"
      "  holdfast module open-file --check client.opening --statement ranker.statement --content client.cc",
      [&session, options] {
        return options->check.empty() ? open_file(*options, session.json) : check_file(*options, session.json);
      });
  auto* path = opening->add_option("PATH", options->path, "The file, as seen from the source's folder");
  auto* source = opening->add_option("--source", options->source, "The folder that was committed to");
  add_source_options(*opening, *options);
  opening->add_option("--output,-o", options->out, "Where to write the proof (default: the file's name and .opening)");
  auto* statement = opening->add_option("--statement", options->statement, "With --check: the module's statement");
  opening->add_option("--check", options->check, "A proof to check")
      ->needs(statement)
      ->excludes(path)
      ->excludes(source);
  opening->add_option("--content", options->content, "With --check: the file that was handed over");
  opening->parse_complete_callback([options] {
    if (options->check.empty() && (options->path.empty() || options->source.empty())) {
      throw CLI::ValidationError("give PATH and --source, or --check and --statement");
    }
  });

  CLI::App* reproducing = add_command(
      group, session, "reproduce", "Build a module anew from its source and compare it with its statement",
      "  holdfast module reproduce --source ranker/ --statement ranker.statement --build 'make ranker.wasm' --built "
      "ranker.wasm\n"
      "  holdfast module reproduce --source ranker/ --statement ranker.statement --build ./build.sh --built "
      "out/ranker.wasm --json",
      [&session, options] { return reproduce(*options, session.json); });
  reproducing->add_option("--source", options->source, "The folder that was committed to")->required();
  add_source_options(*reproducing, *options);
  reproducing->add_option("--statement", options->statement, "The module's statement")->required();
  reproducing->add_option("--build", options->build, "A shell command, run in a copy of the source")->required();
  reproducing->add_option("--built", options->built, "What it makes, as seen from the source's folder")->required();
}

}  // namespace holdfast::cli
