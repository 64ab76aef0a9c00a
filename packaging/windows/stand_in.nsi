; A stand-in for the program in the tests of the installer: a real executable of Windows, which
; knows the few words that the installer says to it. makensis -DOUTPUT=athanor.exe stand_in.nsi
;
;   athanor.exe serve        stays until somebody wrote stop.txt, as a server until it is asked
;   athanor.exe stop         writes stop.txt
;   athanor.exe pool serve   stays until pool-stop.txt; its process is in its file, as a host's is
;   athanor.exe run          stays until run-stop.txt, as a chat in a terminal
;   tray                     the same for tray-stop.txt, for athanor-desktop.exe
;   anything else            ends at once
; These files lie beside the program's folder, with told.txt: each start is a line of it.

Unicode true
Target amd64-unicode
SilentInstall silent
RequestExecutionLevel user
Name "stand-in"
OutFile "${OUTPUT}"

!include "FileFunc.nsh"
!include "LogicLib.nsh"

!define BESIDE "$EXEDIR\.."
!define HOST_FILE "$LOCALAPPDATA\athanor\run\pool.json"

; A minute at most, so that a test that fails leaves nothing running.
!macro STAY UNTIL
    ${For} $2 1 600
        ${If} ${FileExists} "${BESIDE}\${UNTIL}"
            Delete "${BESIDE}\${UNTIL}"
            ${Break}
        ${EndIf}
        Sleep 100
    ${Next}
!macroend

Section
    SetShellVarContext current
    ${GetParameters} $0
    FileOpen $1 "${BESIDE}\told.txt" a
    FileSeek $1 0 END
    FileWrite $1 "$EXEFILE $0$\r$\n"
    FileClose $1
    ${If} $0 == "stop --force"
        FileOpen $1 "${BESIDE}\stop.txt" w
        FileClose $1
    ${ElseIf} $0 == "serve"
        !insertmacro STAY "stop.txt"
    ${ElseIf} $0 == "pool serve"
        CreateDirectory "$LOCALAPPDATA\athanor\run"
        System::Call 'kernel32::GetCurrentProcessId() i .r3'
        ; Open for as long as it runs, as the program's own.
        FileOpen $1 "${HOST_FILE}" w
        FileWrite $1 '{"pid":$3,"host":"127.0.0.1","port":7118,"token":"none"}'
        !insertmacro STAY "pool-stop.txt"
        FileClose $1
    ${ElseIf} $0 == "run"
        !insertmacro STAY "run-stop.txt"
    ${ElseIf} $0 == "tray"
        !insertmacro STAY "tray-stop.txt"
    ${EndIf}
SectionEnd
