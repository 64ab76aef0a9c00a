; Tells a test what the window in front shows, since nobody outside of Windows can read it there.
; makensis -DOUTPUT=page_reader.exe page_reader.nsi
;
; It writes page.txt beside itself, again and again, until there is a file reader-stop.txt: a record
; for each control that is seen,
;     class TAB is enabled TAB is default or ticked TAB has the focus TAB text RECORD SEPARATOR
; where each of the three is 1 or 0. The first is the window itself. The file is UTF-16.

Unicode true
Target amd64-unicode
SilentInstall silent
RequestExecutionLevel user
Name "page-reader"
OutFile "${OUTPUT}"

!include "LogicLib.nsh"
!include "WinMessages.nsh"

!define BS_TYPEMASK 0xF
!define BS_DEFPUSHBUTTON 1
!define BS_AUTOCHECKBOX 3
!define GWL_STYLE -16
; GUITHREADINFO: its size on 64 bits, and how far in it the focused control is.
!define THREAD_BYTES 72
!define FOCUS_AT 16

Var file
Var focus
Var separator

; The record of the control $0.
Function tell
    System::Call 'user32::GetClassNameW(p r0, w .r4, i 64)'
    System::Call 'user32::IsWindowEnabled(p r0) i .r5'
    System::Call 'user32::SendMessageW(p r0, i ${WM_GETTEXT}, p 1000, w .r6)'
    StrCpy $7 0
    ${If} $4 == "Button"
        System::Call 'user32::GetWindowLongW(p r0, i ${GWL_STYLE}) i .r8'
        IntOp $8 $8 & ${BS_TYPEMASK}
        ${If} $8 == ${BS_DEFPUSHBUTTON}
            StrCpy $7 1
        ${ElseIf} $8 == ${BS_AUTOCHECKBOX}
            SendMessage $0 ${BM_GETCHECK} 0 0 $7
        ${EndIf}
    ${EndIf}
    StrCpy $9 0
    ${If} $0 == $focus
        StrCpy $9 1
    ${EndIf}
    FileWriteUTF16LE $file "$4$\t$5$\t$7$\t$9$\t$6$separator"
FunctionEnd

; The records of what lies in the window on the stack, and in its pages.
Function tell_inside
    Exch $1
    Push $2
    StrCpy $2 0
    ${Do}
        FindWindow $2 "" "" $1 $2
        ${If} $2 == 0
            ${Break}
        ${EndIf}
        System::Call 'user32::IsWindowVisible(p r2) i .r3'
        ${If} $3 <> 0
            StrCpy $0 $2
            Call tell
            Push $2
            Call tell_inside
        ${EndIf}
    ${Loop}
    Pop $2
    Pop $1
FunctionEnd

Section
    IntFmt $separator "%c" 30
    ${DoUntil} ${FileExists} "$EXEDIR\reader-stop.txt"
        System::Call 'user32::GetForegroundWindow() p .r1'
        System::Call 'user32::GetWindowThreadProcessId(p r1, p 0) i .r2'
        System::Alloc ${THREAD_BYTES}
        Pop $3
        System::Call '*$3(i ${THREAD_BYTES})'
        System::Call 'user32::GetGUIThreadInfo(i r2, p r3)'
        IntPtrOp $4 $3 + ${FOCUS_AT}
        System::Call '*$4(p .r4)'
        StrCpy $focus $4
        System::Free $3
        FileOpen $file "$EXEDIR\page.new" w
        StrCpy $0 $1
        Call tell
        Push $1
        Call tell_inside
        FileClose $file
        ; A reader meets a whole page or none.
        Delete "$EXEDIR\page.txt"
        Rename "$EXEDIR\page.new" "$EXEDIR\page.txt"
        Sleep 50
    ${Loop}
SectionEnd
