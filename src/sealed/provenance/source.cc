#include "sealed/provenance/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/hash.h"
#include "evidence/formats/tree.h"

namespace holdfast::sealed {
namespace {

/// Each length stands before what it measures, so no two files have one spelling.
Hash leaf_of(const SourceFile& file, const Hash& salt) {
  Bytes entry = "holdfast source file v1\n";
  entry += salt.view();
  entry += static_cast<char>(file.kind);
  entry += file.content.view();
  put_sized(entry, file.path);
  return evidence::leaf_hash(entry);
}

Hash salt_of(const Key256& secret, std::string_view path) {
  return hmac_sha256(secret.view(), "holdfast source salt v1\n" + std::string(path));
}

bool is_path(std::string_view path) {
  if (path.empty() || path.size() > kSourcePathBytesMax || !is_utf8(path)) return false;
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != part.npos) return false;
    if (slash == rest.npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

/// Complete subtrees, made anew for each: a source tree is small.
Result<Hash> subtree(const std::vector<Hash>& leaves, unsigned level, std::uint64_t index) {
  const std::uint64_t width = std::uint64_t{1} << level;
  return evidence::complete_root(std::span(leaves).subspan(index * width, width));
}

}  // namespace

Result<SourceTree> SourceTree::create(std::vector<SourceFile> files, const Key256& secret) {
  if (files.empty() || files.size() > kSourceFilesMax) {
    return fail(Code::invalid, "sealed.source.large", "",
                fmt::format("a source tree has 1 to {} files, and this one {}", kSourceFilesMax, files.size()));
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  SourceTree out;
  for (const SourceFile& file : files) {
    const bool twice = !out.salts_.empty() && files[out.salts_.size() - 1].path == file.path;
    if (!is_path(file.path) || twice) {
      return fail(
          Code::invalid, "sealed.source.path", is_utf8(file.path) ? file.path : "",
          twice ? "the path is there twice" : "not a relative path in UTF-8 of at most 4096 bytes without '..'");
    }
    out.salts_.push_back(salt_of(secret, file.path));
    out.leaves_.push_back(leaf_of(file, out.salts_.back()));
  }
  out.files_ = std::move(files);
  return out;
}

SourceCommitment SourceTree::commitment() const {
  evidence::Frontier tree;
  for (const Hash& leaf : leaves_) tree.append(leaf);
  return {tree.root(), leaves_.size()};
}

Result<SourceOpening> SourceTree::open(std::string_view path) const {
  const auto found = std::ranges::lower_bound(files_, path, {}, &SourceFile::path);
  if (found == files_.end() || found->path != path) {
    return fail(Code::not_found, "sealed.source.unknown", std::string(path), "no such file in the source tree");
  }
  const auto index = static_cast<std::uint64_t>(found - files_.begin());
  HF_TRY(auto proof, evidence::inclusion_proof(index, leaves_.size(), [&](unsigned level, std::uint64_t at) {
           return subtree(leaves_, level, at);
         }));
  return SourceOpening{*found, salts_[index], index, leaves_.size(), std::move(proof)};
}

Result<void> check_opening(const SourceOpening& opening, const SourceCommitment& commitment) {
  const auto wrong = [](std::string what) { return fail(Code::invalid, "sealed.opening.wrong", "", std::move(what)); };
  if (opening.files != commitment.files) {
    return wrong(
        fmt::format("the opening is of a tree of {} files, and {} were committed to", opening.files, commitment.files));
  }
  if (!is_path(opening.file.path) || !evidence::check_inclusion(leaf_of(opening.file, opening.salt), opening.index,
                                                                opening.files, commitment.root, opening.proof)) {
    return wrong("the file does not belong to the source that was committed to");
  }
  return {};
}

}  // namespace holdfast::sealed
