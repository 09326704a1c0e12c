#include "cli/commands/source_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/hash.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kFileBytesMax = 1u << 30;

tl::unexpected<Error> unreadable(const fs::path& path, const std::string& why) {
  return fail(Code::unavailable, "file.read", path.string(), "cannot be read: " + why);
}

Result<Hash> hash_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return unreadable(path, std::strerror(errno));
  Sha256 hash;
  std::array<char, 64 << 10> piece;
  while (in) {
    in.read(piece.data(), piece.size());
    hash.add({piece.data(), static_cast<std::size_t>(in.gcount())});
  }
  if (in.bad()) return unreadable(path, "the disk failed");
  return hash.finish();
}

Result<sealed::SourceFile> read_one(const fs::path& path, const std::string& name) {
  std::error_code wrong;
  const fs::file_status status = fs::symlink_status(path, wrong);
  if (wrong) return unreadable(path, wrong.message());
  if (fs::is_symlink(status)) {
    const fs::path target = fs::read_symlink(path, wrong);
    if (wrong) return unreadable(path, wrong.message());
    return sealed::SourceFile{name, sealed::SourceKind::link, sha256(target.string())};
  }
  if (!fs::is_regular_file(status)) {
    return fail(Code::invalid, "cli.source.kind", path.string(), "only files and symbolic links can be committed to");
  }
  if (fs::file_size(path, wrong) > kFileBytesMax || wrong) {
    return fail(Code::invalid, "cli.source.large", path.string(), "a source file has at most 1 GiB");
  }
  HF_TRY(const Hash content, hash_file(path));
  const bool runs = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
  return sealed::SourceFile{name, runs ? sealed::SourceKind::executable : sealed::SourceKind::file, content};
}

/// Does `path`, which need not exist, lie beneath `folder`?
bool lies_in(const std::string& path, const std::string& folder) {
  std::error_code wrong;
  const fs::path inner = fs::weakly_canonical(path, wrong), outer = fs::weakly_canonical(folder, wrong);
  const fs::path from = inner.lexically_relative(outer);
  return !from.empty() && *from.begin() != "..";
}

}  // namespace

Result<std::vector<sealed::SourceFile>> read_source_folder(const std::string& folder) {
  std::error_code wrong;
  if (!fs::is_directory(folder, wrong)) {
    return fail(Code::not_found, "file.missing", folder, "there is no such folder of source");
  }
  std::vector<sealed::SourceFile> out;
  auto at = fs::recursive_directory_iterator(folder, wrong);
  for (; !wrong && at != fs::recursive_directory_iterator(); at.increment(wrong)) {
    const fs::path& path = at->path();
    const bool link = fs::is_symlink(fs::symlink_status(path, wrong));
    if (!link && fs::is_directory(path, wrong)) {
      if (path.filename() == ".git") at.disable_recursion_pending();
      continue;
    }
    HF_TRY(auto file, read_one(path, path.lexically_relative(folder).generic_string()));
    out.push_back(std::move(file));
    if (out.size() > sealed::kSourceFilesMax) break;  // the tree says so
  }
  if (wrong) return unreadable(folder, wrong.message());
  return out;
}

Result<Key256> load_source_secret(const std::string& path) {
  HF_CHECK(require_private(path));
  HF_TRY(std::string text, read_input(path, 1024));
  while (text.ends_with('\n')) text.pop_back();
  auto raw = from_hex(text);
  wipe(text);
  auto secret = raw ? Key256::from(*raw) : Result<Key256>(fail(Code::invalid, "", "", ""));
  if (raw) wipe(*raw);
  if (secret) return secret;
  return fail(Code::invalid, "cli.source.secret", path,
              "expected 64 hex digits, as 'holdfast module commit-source' "
              "writes them");
}

Result<Key256> ensure_source_secret(const std::string& path, const std::string& folder, bool& made) {
  if (lies_in(path, folder)) {
    return fail(Code::invalid, "cli.source.secret", path,
                "the secret must not lie in the source: whoever is shown the tree would have it; give --secret another "
                "place");
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  made = file >= 0;
  if (!made && errno == EEXIST) return load_source_secret(path);
  if (!made) return fail(Code::unavailable, "file.write", path, std::string("cannot be made: ") + std::strerror(errno));
  Key256 secret = Key256::random();
  std::string text = to_hex(secret.view()) + "\n";
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  wipe(text);
  ::close(file);
  if (written) return secret;
  ::unlink(path.c_str());
  return fail(Code::unavailable, "file.write", path, "cannot be written whole");
}

}  // namespace holdfast::cli
