#!/usr/bin/env bash
# From the bundle's Athanor.app to a disk image that macOS opens without a warning.
#
#   NOT YET RUN: it was written by Apple's documentation, without a Mac at hand. Whoever runs it
#   first finds what is wrong with it, and takes this notice away.
#
# It signs every program and library from the inside out under the hardened runtime, has the app
# notarised, staples the ticket to it, and does the same with the disk image around it.
#
#   ATHANOR_CODESIGN_IDENTITY   "Developer ID Application: NAME (TEAM)", in the keychain
#   ATHANOR_NOTARY_PROFILE      made once by `xcrun notarytool store-credentials PROFILE`
#   --ad-hoc                    for a try on the Mac that builds it: signed by nobody, not notarised
#
# Result: dist/athanor-VERSION-macos-ARCHITECTURE.dmg
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    echo "packaging/macos/build.sh: $1" >&2
    exit 1
}

[ "$(uname -s)" = Darwin ] || fail "this runs on macOS alone: codesign, notarytool and hdiutil are
  Apple's and exist nowhere else. On this system nothing was built."
for tool in codesign xcrun hdiutil ditto plutil; do
    command -v "$tool" >/dev/null || fail "$tool is missing: xcode-select --install"
done

mode=${1:-signed}
app=dist/Athanor.app
entitlements=packaging/macos/entitlements.plist
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' app/__init__.py)
[ -n "$version" ] || fail "app/__init__.py names no version"
[ -d "$app" ] || fail "there is no $app: make bundle"

case "$mode" in
    --ad-hoc) identity=- ;;
    signed)
        identity=${ATHANOR_CODESIGN_IDENTITY:?"is not set; --ad-hoc makes an image for this Mac"}
        profile=${ATHANOR_NOTARY_PROFILE:?"is not set: xcrun notarytool store-credentials"}
        ;;
    *) fail "unknown word: $mode" ;;
esac

sign() {
    local flags=(--force --sign "$identity" --options runtime --entitlements "$entitlements")
    [ "$identity" = - ] || flags+=(--timestamp)
    codesign "${flags[@]}" "$1"
}

notarise() {
    # Prints Apple's own log where it is refused: the answer alone says only that it was.
    local told id
    told=$(xcrun notarytool submit "$1" --keychain-profile "$profile" --wait --output-format json)
    id=$(plutil -extract id raw -o - - <<<"$told")
    if [ "$(plutil -extract status raw -o - - <<<"$told")" != Accepted ]; then
        xcrun notarytool log "$id" --keychain-profile "$profile" >&2
        fail "Apple refused $1"
    fi
}

plutil -lint "$app/Contents/Info.plist" "$entitlements"

echo "Signing, innermost first"
# --deep signs in an order of its own and gives the app's entitlements to everything: each by itself.
find "$app/Contents" -type f \( -name '*.dylib' -o -name '*.so' -o -perm -u+x \) -print0 |
    while IFS= read -r -d '' file; do
        case "$(file -b "$file")" in Mach-O*) sign "$file" ;; esac
    done
find "$app/Contents" -depth -type d -name '*.framework' -print0 |
    while IFS= read -r -d '' framework; do sign "$framework"; done
sign "$app"
codesign --verify --deep --strict --verbose=2 "$app"

# The signed program itself must still run, and its engine find its libraries.
"$app/Contents/MacOS/athanor" --version | grep -qx "athanor $version" || fail "it does not start"

if [ "$identity" != - ]; then
    mkdir -p build/macos
    ditto -c -k --keepParent "$app" build/macos/Athanor.zip
    notarise build/macos/Athanor.zip
    xcrun stapler staple "$app"
    spctl --assess --type execute --verbose "$app"
fi

image=dist/athanor-$version-macos-$(uname -m).dmg
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
ditto "$app" "$stage/Athanor.app"
ln -s /Applications "$stage/Applications"
cp LICENSE "$stage/License.txt"
hdiutil create -volname "Athanor $version" -srcfolder "$stage" -format ULFO -ov "$image"
if [ "$identity" != - ]; then
    codesign --force --sign "$identity" --timestamp "$image"
    notarise "$image"
    xcrun stapler staple "$image"
fi
ls -l "$image"
