; A stand-in for the program in the tests of the installer: a real executable of Windows, which
; knows the few words that the installer says to it. makensis -DOUTPUT=athanor.exe stand_in.nsi
;
;   athanor.exe serve   stays until somebody wrote stop.txt beside it, as a server until it is asked
;   athanor.exe stop    writes stop.txt
;   anything else       ends at once
; Each start is written to told.txt beside it.

Unicode true
Target amd64-unicode
SilentInstall silent
RequestExecutionLevel user
Name "stand-in"
OutFile "${OUTPUT}"

!include "FileFunc.nsh"
!include "LogicLib.nsh"
!include "WordFunc.nsh"

Section
    ${GetParameters} $0
    FileOpen $1 "$EXEDIR\..\told.txt" a
    FileSeek $1 0 END
    FileWrite $1 "$EXEFILE $0$\r$\n"
    FileClose $1
    ${WordFind} "$0 " " " "+1" $0
    ${If} $0 == "stop"
        FileOpen $1 "$EXEDIR\..\stop.txt" w
        FileClose $1
    ${EndIf}
    ${If} $0 == "serve"
        ; A minute at most, so that a test that fails leaves nothing running.
        ${For} $2 1 600
            ${If} ${FileExists} "$EXEDIR\..\stop.txt"
                Delete "$EXEDIR\..\stop.txt"
                SetErrorLevel 0
                Quit
            ${EndIf}
            Sleep 100
        ${Next}
    ${EndIf}
SectionEnd
