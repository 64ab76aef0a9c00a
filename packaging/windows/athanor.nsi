; Athanor's installer for Windows: for one user, without asking for an administrator's rights.
;
; NOT YET RUN ON WINDOWS: compiled, installed, upgraded and uninstalled under wine64 alone, with a
; stand-in for the program (stand_in.nsi), its pages looked at and gone through by keys there.
; Whoever runs it on Windows first takes this notice away.
;
; Compiled by build.py, which gives it with makensis -D:
;   VERSION   0.1.0                   NUMBERS   0.1.0.0, as a version resource wants it
;   PAYLOAD   the folder to install   OUTPUT    the installer to make
;   ICON      athanor.ico             LICENCE   the text of the licence
;   PICTURE   the bitmap beside the first and the last page
;   SUMMARY   what the program is, on the first page
;   FILE      the installer's name as it is published
;   TARGET    x86-unicode for users; amd64-unicode for wine64, which runs no 32-bit programs
;   SIGN      a command that signs the file that follows it in place; absent where nothing is signed
;
; Installer:    /S silent, /UPDATE starts the tray again if it ran, /D=FOLDER (last, unquoted)
; Uninstaller:  /S silent; keeps settings and models, deletes packs, caches and logs. /S /PURGE
;               deletes all of it
; Exit codes:   0 done, 1 given up by the user, 2 not done; 5 something of Athanor's runs that only
;               its owner ends (running.nsh). What became of it is a line of Logs\setup.log.

Unicode true
Target ${TARGET}
SetCompressor /SOLID lzma
SetCompressorDictSize 64
ManifestDPIAware true
; Without it Windows says that it is Windows 8, to whoever asks for its version.
ManifestSupportedOS Win10
RequestExecutionLevel user
CRCCheck force

!include "MUI2.nsh"
!include "nsDialogs.nsh"
!include "FileFunc.nsh"
!include "LogicLib.nsh"
!include "WordFunc.nsh"
!include "x64.nsh"
!include "WinVer.nsh"

!define NAME "Athanor"
!define PUBLISHER "The Athanor authors"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Athanor"
!define RUN_KEY "Software\Microsoft\Windows\CurrentVersion\Run"
!define APPROVED_KEY "Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
!define SCHEME_KEY "Software\Classes\athanor"
; Where the program keeps all that is the user's (app/settings/paths.py, platformdirs).
!define DATA "$LOCALAPPDATA\athanor"
; Where it looks for the version to go back to (app/installation/kept.py).
!define KEPT "${DATA}\Cache\updates\${VERSION}"

Name "${NAME}"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\Athanor"
InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation"
BrandingText "${NAME} ${VERSION}"
!ifdef SIGN
    !finalize '${SIGN} "%1"'
    !uninstfinalize '${SIGN} "%1"'
!endif

VIProductVersion "${NUMBERS}"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${NAME} installer"
VIAddVersionKey "CompanyName" "${PUBLISHER}"
VIAddVersionKey "LegalCopyright" "Copyright ${PUBLISHER}, Apache License 2.0"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${PICTURE}"
!define MUI_ABORTWARNING
; What Windows' own text says of other programs and of restarting is not true of this one.
!define MUI_WELCOMEPAGE_TEXT "${SUMMARY}$\r$\n$\r$\nSetup installs it for you alone, and needs no \
administrator.$\r$\n$\r$\n$_CLICK"
!define MUI_FINISHPAGE_RUN "$INSTDIR\athanor-desktop.exe"
!define MUI_FINISHPAGE_RUN_TEXT "&Start ${NAME} now"

!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${LICENCE}"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH

!insertmacro MUI_UNPAGE_CONFIRM
UninstPage custom un.ask_about_data un.take_answer
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

!include "running.nsh"
!insertmacro RUNNING "" "replaced"
!insertmacro RUNNING "un." "removed"
!include "own_data.nsh"

; A copy of this installer stays for `athanor update rollback`, so that there is a way back from the
; first update on. One that was fetched by an update is started from that very place. Without a copy,
; on a full disk, there is no way back, and everything else is as it should be.
Function keep_installer
    GetFullPathName $0 "$EXEPATH"
    ${If} $0 == "${KEPT}\${FILE}"
        Return
    ${EndIf}
    ; The program takes a folder with one file for a version's: it never sees half of one.
    CreateDirectory "${KEPT}\.part"
    ClearErrors
    CopyFiles /SILENT "$EXEPATH" "${KEPT}\.part\${FILE}"
    ${IfNot} ${Errors}
        Delete "${KEPT}\${FILE}"
        ; The sum of whatever lay here; the version that starts next writes it anew.
        Delete "${KEPT}\.sha256"
        Rename "${KEPT}\.part\${FILE}" "${KEPT}\${FILE}"
    ${EndIf}
    RMDir /r "${KEPT}\.part"
    ClearErrors
FunctionEnd

Function .onInit
    SetShellVarContext current
    ${IfNot} ${AtLeastWin10}
        MessageBox MB_OK|MB_ICONSTOP "${NAME} needs Windows 10 or newer." /SD IDOK
        SetErrorLevel 2
        Quit
    ${EndIf}
    ${IfNot} ${RunningX64}
        MessageBox MB_OK|MB_ICONSTOP "${NAME} needs 64-bit Windows." /SD IDOK
        SetErrorLevel 2
        Quit
    ${EndIf}
FunctionEnd

Section "Athanor"
    Call end_running
    ; A module of the old version that the new one does not have would be found and loaded.
    RMDir /r "$INSTDIR\_internal"
    SetOutPath "$INSTDIR"
    SetOverwrite on
    ClearErrors
    File /r "${PAYLOAD}\*.*"
    ${If} ${Errors}
        StrCpy $outcome "was not installed: not all files could be written"
        Call write_log
        MessageBox MB_OK|MB_ICONSTOP \
            "Not all files could be written to $INSTDIR. Is the disk full?" /SD IDOK
        SetErrorLevel 2
        Quit
    ${EndIf}
    WriteUninstaller "$INSTDIR\Uninstall.exe"

    CreateShortCut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\athanor-desktop.exe" "" \
        "$INSTDIR\athanor-desktop.exe" 0 SW_SHOWNORMAL "" \
        "Your GPU as a private server for language models"

    ; Links athanor://... open in Athanor, which asks before it does anything.
    WriteRegStr HKCU "${SCHEME_KEY}" "" "URL:${NAME}"
    WriteRegStr HKCU "${SCHEME_KEY}" "URL Protocol" ""
    ; As the program itself writes it (app/settings/links): in quotation marks where it must be.
    StrCpy $0 "$INSTDIR\athanor-desktop.exe"
    ClearErrors
    ${WordFind} "$0" " " "E+1{" $1
    ${IfNot} ${Errors}
        StrCpy $0 '"$0"'
    ${EndIf}
    WriteRegStr HKCU "${SCHEME_KEY}\shell\open\command" "" '$0 open -- "%1"'
    ClearErrors

    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${NAME}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" '"$INSTDIR\athanor-desktop.exe",0'
    WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "${PUBLISHER}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\Uninstall.exe"'
    WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\Uninstall.exe" /S'
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    IntFmt $0 "0x%08X" $0
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" "$0"

    Call keep_installer
    StrCpy $outcome "was installed"
    Call write_log

    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/UPDATE" $1
    ${IfNot} ${Errors}
    ${AndIf} $was_running == 1
        Exec '"$INSTDIR\athanor-desktop.exe" tray --background'
    ${EndIf}
    ClearErrors
SectionEnd

; ------------------------------------------------------------------------------------ uninstaller

Function un.onInit
    SetShellVarContext current
    StrCpy $is_purge 0
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/PURGE" $1
    ${IfNot} ${Errors}
        StrCpy $is_purge 1
    ${EndIf}
    ClearErrors
FunctionEnd

Section "Uninstall"
    Call un.end_running
    ; Only what is ours: the folder may be one that holds other things too.
    RMDir /r "$INSTDIR\_internal"
    Delete "$INSTDIR\athanor.exe"
    Delete "$INSTDIR\athanor-desktop.exe"
    Delete "$INSTDIR\Uninstall.exe"
    RMDir "$INSTDIR"
    Delete "$SMPROGRAMS\${NAME}.lnk"

    DeleteRegValue HKCU "${RUN_KEY}" "${NAME}"
    DeleteRegValue HKCU "${APPROVED_KEY}" "${NAME}"
    DeleteRegKey HKCU "${SCHEME_KEY}"
    DeleteRegKey HKCU "${UNINSTALL_KEY}"

    !insertmacro DELETE "${DATA}\Cache"
    !insertmacro DELETE "${DATA}\Logs"
    !insertmacro DELETE "${DATA}\run"
    !insertmacro DELETE "${DATA}\runtimes"
    ${If} $is_purge == 1
        !insertmacro DELETE "${DATA}"
    ${EndIf}
    ; Empty, where nothing was ever made.
    RMDir "${DATA}"
SectionEnd
