; What is the user's: asked about on a page of the uninstaller, measured, and deleted where it must.
;
; No link is followed, to a folder of another program or to another disk: RMDir /r would delete what
; it leads to.

!define IS_FOLDER 0x10
!define IS_LINK 0x400
; What goes in any case: made again when it is wanted, or of no use without the program. Packs of
; back ends, runtimes, are made for one version's llama.cpp.
!define OURS "|Cache|Logs|runtimes|run|"

Var is_purge
Var purge_box
Var kilobytes
Var size_words

; $R8 and $R9: the attributes, and the kilobytes, of the file whose path is on the stack.
Function un.look_at
    Exch $R7
    Push $0
    Push $1
    System::Call '*(i 0, i, i, i, i, i, i, i 0, i 0) p .r0'
    System::Call 'kernel32::GetFileAttributesExW(w R7, i 0, p r0)'
    System::Call '*$0(i .R8, i, i, i, i, i, i, i .R9, i .r1)'
    System::Free $0
    IntOp $R9 $R9 * 4194304
    IntOp $1 $1 >>> 10
    IntOp $R9 $R9 + $1
    Pop $1
    Pop $0
    Pop $R7
FunctionEnd

; kilobytes: the files of the folder whose path is on the stack are added.
Function un.measure
    Exch $R0
    Push $R1
    Push $R2
    Push $R3
    FindFirst $R1 $R2 "$R0\*.*"
    ${While} $R2 != ""
        ${If} $R2 != "."
        ${AndIf} $R2 != ".."
            Push "$R0\$R2"
            Call un.look_at
            IntOp $R3 $R8 & ${IS_LINK}
            IntOp $R8 $R8 & ${IS_FOLDER}
            ${If} $R8 == 0
                IntOp $kilobytes $kilobytes + $R9
            ${ElseIf} $R3 == 0
                Push "$R0\$R2"
                Call un.measure
            ${EndIf}
        ${EndIf}
        FindNext $R1 $R2
    ${EndWhile}
    FindClose $R1
    Pop $R3
    Pop $R2
    Pop $R1
    Pop $R0
FunctionEnd

; Deletes the folder whose path is on the stack; of a link the link alone.
Function un.delete_folder
    Exch $R0
    Push $R1
    Push $R2
    Push $R0
    Call un.look_at
    IntOp $R8 $R8 & ${IS_LINK}
    ${If} $R8 == 0
        FindFirst $R1 $R2 "$R0\*.*"
        ${While} $R2 != ""
            ${If} $R2 != "."
            ${AndIf} $R2 != ".."
                Push "$R0\$R2"
                Call un.look_at
                IntOp $R8 $R8 & ${IS_FOLDER}
                ${If} $R8 == 0
                    Delete "$R0\$R2"
                ${Else}
                    Push "$R0\$R2"
                    Call un.delete_folder
                ${EndIf}
            ${EndIf}
            FindNext $R1 $R2
        ${EndWhile}
        FindClose $R1
    ${EndIf}
    RMDir "$R0"
    Pop $R2
    Pop $R1
    Pop $R0
FunctionEnd

; size_words: of what is the user's, "" where nothing is.
Function un.measure_own
    StrCpy $size_words ""
    StrCpy $kilobytes 0
    FindFirst $0 $1 "${DATA}\*.*"
    ${While} $1 != ""
        ${If} $1 != "."
        ${AndIf} $1 != ".."
            ClearErrors
            ${WordFind} "${OURS}" "|" "E/$1" $2
            ${If} ${Errors}
                StrCpy $size_words "less than 1 MB"
                Push "${DATA}\$1"
                Call un.look_at
                IntOp $2 $R8 & ${IS_LINK}
                IntOp $R8 $R8 & ${IS_FOLDER}
                ${If} $R8 == 0
                    IntOp $kilobytes $kilobytes + $R9
                ${ElseIf} $2 == 0
                    Push "${DATA}\$1"
                    Call un.measure
                ${EndIf}
            ${EndIf}
        ${EndIf}
        FindNext $0 $1
    ${EndWhile}
    FindClose $0
    ClearErrors
    IntOp $0 $kilobytes + 512
    IntOp $0 $0 / 1024
    ${If} $0 >= 1000
        ; Tenths of a gigabyte.
        IntOp $0 $0 * 10
        IntOp $0 $0 / 1024
        IntOp $1 $0 / 10
        IntOp $0 $0 % 10
        StrCpy $size_words "$1.$0 GB"
    ${ElseIf} $0 >= 1
        StrCpy $size_words "$0 MB"
    ${EndIf}
FunctionEnd

; What the user made stays unless the box is ticked, which says how much it is.
Function un.ask_about_data
    Call un.measure_own
    ${If} $size_words == ""
        Abort
    ${EndIf}
    !insertmacro MUI_HEADER_TEXT "Your settings and models" \
        "They are kept unless you say otherwise."
    nsDialogs::Create 1018
    Pop $0
    ${NSD_CreateLabel} 0 0 100% 40u \
        "Models, settings, keys and books of credits lie in $\n${DATA}.$\n$\nModels in folders of \
other programs, and what links lead to, are never deleted."
    Pop $0
    ${NSD_CreateCheckBox} 0 52u 100% 12u "&Delete them too ($size_words); this cannot be taken back"
    Pop $purge_box
    ${If} $is_purge == 1
        ${NSD_Check} $purge_box
    ${EndIf}
    nsDialogs::Show
FunctionEnd

; After "Back" too: what the box shows is what happens.
Function un.take_answer
    ${NSD_GetState} $purge_box $is_purge
FunctionEnd

!macro DELETE FOLDER
    Push "${FOLDER}"
    Call un.delete_folder
!macroend
