# SPDX-License-Identifier: Apache-2.0
#
# git: clone, gc, repack on two threads, fsck, log, blame and merge, on this repository and on a generated history.

tools=(git)
packages=(git)
witness=(git)
limit=90

settings() {
  git config --global user.name test
  git config --global user.email test@localhost
  git config --global init.defaultBranch main
  git config --global safe.directory '*'
  git config --global pack.threads 2
  git config --global gc.auto 0
}

prepare() {
  settings
  # As it is now: it may change between the two runs.
  if git -C "$PROGRAM_ROOT" rev-parse -q --verify HEAD >/dev/null 2>&1; then
    git clone -q --mirror "file://$PROGRAM_ROOT" "$PROGRAM_SHARED/this.git"
  fi
  git init -q --bare "$PROGRAM_SHARED/made.git"
  awk -v n="$(pick 1500 300)" 'BEGIN { srand(5)
    for (i = 1; i <= n; i++) {
      text = ""; for (j = 0; j < 60; j++) text = text sprintf("line %d of %d: %d\n", j, i % 40, (j * 7 < i) ? int(rand() * 9999) : j)
      printf "blob\nmark :%d\ndata %d\n%s\n", i, length(text), text
      m = "commit number " i
      printf "commit refs/heads/main\nmark :%d\ncommitter T <t@localhost> %d +0000\ndata %d\n%s\n", n + i, 1700000000 + i,
        length(m), m
      if (i > 1) printf "from :%d\n", n + i - 1
      printf "M 100644 :%d dir%d/file%d\n\n", i, i % 7, i % 40
    } }' | git -C "$PROGRAM_SHARED/made.git" fast-import --quiet
}

exercise() {
  local source=$1 copy=$2
  under 60 git clone -q --no-local "file://$source" "$copy"
  cd "$copy"
  under 60 git gc -q --aggressive --prune=now
  under 60 git repack -q -a -d -f --depth=40 --window=20
  under 60 git fsck --full --strict 2>&1 | grep -v '^notice' || true
  git count-objects -v | grep -E '^(count|in-pack|packs|garbage)'
  under 30 git rev-parse HEAD
  under 30 git log -p --stat --format='%H %an %s' | sha256sum
  under 30 git ls-files -s | sha256sum
  under 30 git rev-list --objects --all | sort | sha256sum
  cd ..
}

run() {
  settings
  if [[ -e $PROGRAM_SHARED/this.git ]]; then
    exercise "$PROGRAM_SHARED/this.git" this
  else
    echo "the checkout is not a repository: only the generated one" >&2
  fi
  exercise "$PROGRAM_SHARED/made.git" made
  cd made
  under 30 git blame -w -C "dir1/file1" | sha256sum
  under 30 git checkout -q -b side HEAD~50
  for i in {1..20}; do echo "side $i" >"side-$((i % 5))"; done
  under 30 git add -A
  GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' under 30 git commit -q -m side
  GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' under 30 git merge -q --no-edit main
  GIT_COMMITTER_DATE='1700000000 +0000' under 30 git rebase -q main 2>/dev/null || true
  under 30 git rev-parse 'HEAD^{tree}'
  under 30 git grep -c 'line 7 of' HEAD | sort | sha256sum
  under 30 git archive --format=tar.gz HEAD | tar -tz | wc -l
}
